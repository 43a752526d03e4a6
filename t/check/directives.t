#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Every directive has its page, its line in the index and its example in the
# annotated configuration, with the defaults that the code has.
use strict;
use warnings;

use Test::More;

use ClaudeTest::Sources qw(files text code);

# The command table: name -> where it may stand.
my %context;
for my $path (files(qr{^src/httpd/.*\.[ch]$})) {
    my $code = code($path) =~ s/\\\n//gr;
    while ($code =~ /AP_INIT_\w+\(\s*"<?(\w+)",(.*?)(?=AP_INIT_|\{NULL\}|\z)/gs) {
        my ($name, $rest) = ($1, $2);
        $context{$name} = $name =~ /^Channel/ ? '[`<ClaudeChannel>`](ClaudeChannel.md)'
            : $rest =~ /ANYWHERE/     ? 'server config, virtual host, directory'
            : $rest =~ /clp_global_/ ? 'server config'
            :                           'server config, virtual host';
    }
}
$context{ClaudeProxy} = 'server config, virtual host, location';
cmp_ok scalar(keys %context), '>', 40, 'the command table is found';

# Defaults: DIRECTIVE -> number, in bytes, milliseconds or as it is. The lists
# of config.h, and the macros of channels, name their directive in
# a comment behind them.
my %default;
my $config = text('src/httpd/config.h') =~ s/\\\n/\n/gr;
while ($config =~ m{^\s*[NS]\((\w+), ([\d *]+)\)\s*/\* (\w+)}gm) {
    $default{$3} = eval $2;
}
my %channel_default;
my $section = text('src/sched/channel.c');
while ($section =~ m{^#define DEFAULT_\w+\s+(\S[^/]*?)\s*/\* (\w+)(?: (\S+))? \*/}gm) {
    my ($value, $name, $part) = ($1, $2, $3);
    $channel_default{ $part ? "$name $part" : $name } = $value =~ /^"(.*)"$/ ? $1 : eval $value;
}
cmp_ok scalar(keys %default), '>', 10, 'the defaults are found';
cmp_ok scalar(keys %channel_default), '>=', 6, 'those of channels too';

my %unit = ('' => 1, k => 1024, m => 1024**2, g => 1024**3, ms => 1, s => 1000, min => 60_000, h => 3_600_000);

# A value as a directive takes it, as the number that the code keeps.
sub number {
    my ($name, $text) = @_;
    return lc $text eq 'on' ? 1 : 0 if $text =~ /^(?:on|off)$/i;
    my ($n, $unit) = $text =~ /^(\d+)([a-z]*)$/ or return $text;
    return $n * 60_000 if $unit eq 'm' && $name !~ /Body|Event|Memory/;
    return $n * $unit{$unit};
}

my %row;
my $index = text('docs/directives/README.md');
my $annotated = text('conf/claude_proxy.conf');
for my $name (sort keys %context) {
    my $path = "docs/directives/$name.md";
    my ($page) = map { text($_) } files(qr{^\Q$path\E$});
    ok $page, "$name has a page" or next;
    like $page, qr/\A# $name\n/, "$name: title";
    my %cell = $page =~ /^\| (Description|Syntax|Default|Context) \| (.+) \|$/mg;
    is scalar(keys %cell), 4, "$name: description, syntax, default, context";
    $cell{$_} //= '' for qw(Description Syntax Default Context);
    like $cell{Syntax}, qr/^`<?$name /, "$name: syntax begins with it";
    is $cell{Context}, $context{$name}, "$name: context";
    like $page, qr/^```apache\n(?:.*\n)*?\s*<?$name\b/m, "$name: example";
    like $page, qr/^See also: /m, "$name: see also";
    is $_, lc $_ eq lc $name ? $name : $_, "$name: link to $_" for grep { !$context{$_} && /^C/ } $page =~ /\]\((\w+)\.md\)/g;

    my ($line) = $index =~ /^\| \[\S+\]\($name\.md\) \| (.*) \|$/m;
    is $line, $cell{Description}, "$name: line of the index";
    like $annotated, qr/^#\s*<?$name [^|]*$/m, "$name: example in conf/claude_proxy.conf";
    my $shown = $cell{Default} =~ s/`//gr;
    my ($said) = $annotated =~ /^# $name: .*\n(?:#  .*\n)?# Syntax: (?:.*\n#        )*.*\n# Default: (.*)$/m;
    is $said, $shown, "$name: the same default there";

    if (exists $default{$name}) {
        my ($value) = $shown =~ /^$name (\S+)$/;
        is number($name, $value // 'nothing'), $default{$name}, "$name: default is the code's";
    }
    if (exists $channel_default{$name}) {
        is $shown, "$name $channel_default{$name}", "$name: default is the code's";
    }
    for my $part (grep { /^$name / } keys %channel_default) {
        my ($key) = $part =~ / (.*)/;
        my ($value) = $shown =~ /\b$key=(\S+)/;
        is number($name, $value // 'nothing'), $channel_default{$part}, "$part: default is the code's";
    }
}

# Options of channels.
my $traits = text('include/dialect/target.h') =~ s/\\\n//gr;
my %word = (0 => 'off', 1 => 'on', -1 => 'auto');
my $options = 0;
while ($traits =~ /\bM\(\w+, "([\w-]+)", (-?\d),\s*((?:"[^"]*"\s*)+)\)/g) {
    my ($name, $value, $text) = ($1, $word{$2}, $3);
    $text = join '', $text =~ /"([^"]*)"/g;
    like text('docs/directives/ChannelOption.md'), qr/^\| `$name` \| $value \| \Q$text\E \|$/m, "option $name is told";
    like $annotated, qr/^# - $name: $value;/m, "option $name is in conf/claude_proxy.conf";
    $options++;
}
cmp_ok $options, '>', 10, 'the options are found';

for my $path (files(qr{^docs/directives/})) {
    my ($name) = $path =~ m{([^/]+)\.md$};
    ok $name && ($context{$name} || $name eq 'README'), "$path is about a directive";
}
for my $name ($index =~ /\]\((\w+)\.md\)/g) {
    ok $context{$name}, "the index names $name, which is there";
}
for my $name ($annotated =~ /^# (\w+): .*\n# Syntax:/mg) {
    ok $context{$name}, "conf/claude_proxy.conf explains $name, which is there";
}
done_testing;
