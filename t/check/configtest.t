#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# What `apachectl configtest` says to the stanzas of t/conf-cases, and what
# DUMP_CONFIG shows of them. A stanza:
#   == title
#   => EXPECTATION, one or more:
#        ok                    accepted without a word of the module
#        line N: TEXT          refused; the message holds TEXT and names line N
#        warn line N: TEXT     accepted with such a warning
#        hides TEXT            accepted, and the dump does not hold TEXT
#        shows TEXT            accepted, and the dump holds TEXT
#   configuration; its first line is line 1
# @DIR@ is a directory with the files that fixtures() makes. The examples of
# conf/claude_proxy.conf and of docs/directives must be accepted too.
use strict;
use warnings;

use File::Temp ();
use Test::More;

use ClaudeTest::Sources qw(top files text);

my $dir = File::Temp::tempdir('clp-conf-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $httpd = $ENV{CLP_HTTPD} || '/usr/sbin/apache2';
my $module = $ENV{CLP_MODULE} || top() . '/build/release/mod_claude_proxy.so';
my $apxs = $ENV{APXS} || '/usr/bin/apxs';
my $libexec = $ENV{CLP_LIBEXEC} || qx($apxs -q LIBEXECDIR);
chomp $libexec;

sub spill {
    my ($name, $mode, $text) = @_;
    open my $fh, '>', "$dir/$name" or die "$dir/$name: $!\n";
    print {$fh} $text;
    close $fh or die "$dir/$name: $!\n";
    return chmod $mode, "$dir/$name";
}

sub certificate {
    my ($name) = @_;
    system('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch -subj /CN=test '
            . "-days 1 -keyout $dir/$name.key -out $dir/$name.crt 2>/dev/null") == 0
        or die "openssl failed\n";
    return chmod 0644, "$dir/$name.key";
}

sub fixtures {
    spill('one.key', 0600, "# of the account\n\nsk-from-file-1\n");
    spill('two.keys', 0640, "sk-from-file-1\r\n  sk-from-file-2  \n");
    spill('blank.key', 0600, "\n# nothing\n");
    spill('spaced.key', 0600, "two words\n");
    spill('open.key', 0644, "sk-open\n");
    spill('users', 0600, "alice sha256:" . 'a' x 64 . " # laptop\n# bob has left\n\ncarol carols-own-key\n");
    spill('users.broken', 0600, "alice sha256:" . 'a' x 64 . "\nbob\n");
    spill('users.digest', 0600, "alice sha256:abc\n");
    spill('users.open', 0644, "alice alices-key\n");
    spill('users.digests', 0644, "alice sha256:" . 'b' x 64 . "\n");
    spill('users.same', 0600, "alice same-key\nbob same-key\n");
    spill('says', 0700, "#!/bin/sh\necho sk-said-\$1\necho more\n");
    spill('silent', 0700, "#!/bin/sh\nexit 0\n");
    spill('fails', 0700, "#!/bin/sh\necho sk-never\nexit 3\n");
    certificate($_) for 'client', 'other';
    spill('channel.conf', 0644, "<ClaudeChannel shared>\n  ChannelService claude\n"
        . "  ChannelURL https://api.example.org\n  ChannelKey sk-shared\n</ClaudeChannel>\n");
    mkdir "$dir/$_" or die "$dir/$_: $!\n" for qw(made etc etc/certs bin);
    # What the examples name below /etc/apache2/claude and /usr/local/bin.
    spill("etc/$_", 0600, "sk-$_\n") for qw(anthropic.keys openai.key collector.key);
    spill('etc/access.keys', 0600, 'alice sha256:' . 'c' x 64 . "\n");
    spill('bin/claude-key', 0700, "#!/bin/sh\necho sk-\$#\n");
    system("cp $dir/client.crt $dir/etc/client.pem; cp $dir/client.key $dir/etc/; cp $dir/other.crt $dir/etc/ca.pem");
    return;
}

# Text with the paths of the examples where fixtures() made the files.
sub with_fixtures {
    my ($text) = @_;
    return $text =~ s{/etc/apache2/claude\b}{$dir/etc}gr =~ s{/usr/local/bin\b}{$dir/bin}gr
        =~ s{/var/lib/apache2\b}{$dir}gr;
}

sub stanzas {
    my ($path) = @_;
    my @found;
    open my $fh, '<', $path or die "$path: $!\n";
    while (<$fh>) {
        if (/^== (.*)/) {
            push @found, { title => $1, expect => [], conf => '' };
        }
        elsif (/^=> (.*)/) {
            push @{ $found[-1]{expect} }, $1 =~ s/\@DIR\@/$dir/gr;
        }
        elsif (@found) {
            $found[-1]{conf} .= $_;
        }
    }
    return @found;
}

sub run_httpd {
    my (@args) = @_;
    my $pid = open(my $out, '-|') // die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        $ENV{CLP_TEST_KEY} = 'sk-from-environment';
        $ENV{CLP_TEST_EMPTY} = '';
        delete $ENV{CLP_TEST_UNSET};
        exec $httpd, '-t', '-f', "$dir/httpd.conf", @args or die "$httpd: $!\n";
    }
    local $/;
    my $said = <$out>;
    close $out;
    return ($? == 0, $said // '');
}

sub judge {
    my ($expect, $accepted, $said, $dump) = @_;
    my $at = qr/stanza\.conf/;
    if ($expect eq 'ok') {
        return $accepted && $said !~ /CLP\d{4}|AH00111/;
    }
    if ($expect =~ /^(warn )?line (\d+): (.*)/) {
        my ($warning, $line, $text) = ($1, $2, $3);
        return ($warning ? $accepted : !$accepted) && index($said, $text) >= 0
            && $said =~ /line $line of \S*$at|$at:$line\b/;
    }
    if ($expect =~ /^hides (.*)/) {
        return $accepted && index($dump, $1) < 0 && index($said, $1) < 0;
    }
    return $accepted && index($dump, $1) >= 0 if $expect =~ /^shows (.*)/;
    return 0;
}

fixtures();
my @modules = map { "LoadModule ${_}_module $libexec/mod_$_.so\n" } qw(mpm_event socache_redis authn_core authz_core authz_host
    authz_user info);
spill('httpd.conf', 0644, "ServerRoot $dir\nServerName localhost\nListen 127.0.0.1:9\nPidFile $dir/pid\n"
    . "ErrorLog $dir/log\nDefaultRuntimeDir $dir\nUser nobody\n@{[ join '', @modules ]}"
    . "LoadModule claude_proxy_module $module\nInclude $dir/stanza.conf\n");

for my $path (sort glob top() . '/t/conf-cases/*.txt') {
    my ($file) = $path =~ m{([^/]+)\.txt$};
    for my $stanza (stanzas($path)) {
        my $title = "$file: $stanza->{title}";
        spill('stanza.conf', 0644, $stanza->{conf} =~ s/\@DIR\@/$dir/gr);
        my ($accepted, $said) = run_httpd();
        my $dump = '';
        (undef, $dump) = run_httpd('-DDUMP_CONFIG') if grep { /^(?:hides|shows) / } @{ $stanza->{expect} };
        ok @{ $stanza->{expect} }, "$title: expects something" if !@{ $stanza->{expect} };
        for my $expect (@{ $stanza->{expect} }) {
            ok judge($expect, $accepted, $said, $dump), "$title => " . $expect =~ s/\Q$dir\E/\@DIR\@/gr or diag $said, $dump;
        }
    }
}

# The annotated configuration, as it is and with all its examples in force.
my $annotated = text('conf/claude_proxy.conf');
my $examples = join '', map { /^#((?: {4})*[<A-Z].*\n)/ ? $1 : "\n" } $annotated =~ /^(.*\n)/mg;
$examples =~ s/^LoadModule .*//m;
cmp_ok scalar(() = $examples =~ /^\s*\S/mg), '>', 80, 'conf/claude_proxy.conf has examples';
for my $case ([ 'as it is', $annotated ], [ 'with all examples', with_fixtures($examples) ]) {
    spill('stanza.conf', 0644, $case->[1]);
    my ($accepted, $said) = run_httpd();
    ok $accepted, "conf/claude_proxy.conf $case->[0]" or diag $said;
}

for my $path (files(qr{^docs/directives/\w+\.md$})) {
    for my $example (text($path) =~ /^```apache\n(.*?)^```/msg) {
        my $channel = $example =~ /<ClaudeChannel / ? '' : "Include $dir/channel.conf\n";    # what it leaves out
        spill('stanza.conf', 0644, with_fixtures($example) . $channel);
        my ($accepted, $said) = run_httpd();
        ok $accepted, "$path: example" or diag $said;
    }
}
done_testing;
