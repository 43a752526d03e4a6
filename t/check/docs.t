#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# The documents: links lead somewhere, directives exist, nothing is left over.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Spec ();
use FindBin ();
use Test::More;

chdir "$FindBin::Bin/../.." or die "chdir: $!";

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!";
    local $/;
    return scalar <$in>;
}

# Our own documents: those of installed packages and built trees are not ours.
sub documents {
    my @found;
    my @todo = ('.');
    while (defined(my $dir = shift @todo)) {
        opendir my $dh, $dir or die "$dir: $!";
        for my $name (sort readdir $dh) {
            next if $name =~ /^\./ || $name eq 'node_modules' || $name eq 'build';
            my $path = $dir eq '.' ? $name : "$dir/$name";
            if (-d $path && !-l $path) { push @todo, $path }
            elsif ($name =~ /\.md$/)   { push @found, $path }
        }
    }
    return @found;
}

# The name a forge gives to a heading.
sub anchor {
    my ($heading) = @_;
    $heading =~ s/\[([^\]]*)\]\([^)]*\)/$1/g;
    $heading = lc $heading;
    $heading =~ s/[^\w\- ]//g;
    $heading =~ tr/ /-/;
    return $heading;
}

sub without_code {
    my ($text) = @_;
    $text =~ s/^```.*?^```//gms;
    $text =~ s/`[^`\n]*`//g;
    return $text;
}

sub anchors_of {
    my ($text) = @_;
    $text =~ s/^```.*?^```//gms;
    return { map { anchor($_) => 1 } $text =~ /^#+\s+(.*?)\s*$/mg };
}

# What the command tables define: AP_INIT_...("Name", and table rows whose
# macro takes the name as its first argument.
sub directives {
    my %known;
    for my $file (glob 'src/httpd/*.[ch]') {
        my $text = slurp($file);
        $known{$1} = 1 while $text =~ /AP_INIT_\w+\(\s*"<?((?:Claude|Channel)\w+)"/g;
    }
    return \%known;
}

my @docs = documents();
my $known = directives();
my %text = map { $_ => slurp($_) } @docs;

cmp_ok(scalar @docs, '>', 8, 'documents are found');
cmp_ok(scalar keys %$known, '>', 20, 'directives are found in src/httpd');

for my $doc (@docs) {
    my @wrong;
    my $text = $text{$doc};
    my $plain = without_code($text);

    while ($plain =~ /\]\(([^)\s]+)\)/g) {
        my ($path, $anchor) = split /#/, $1, 2;
        next if $path =~ m{^(?:https?|mailto):};
        my $target = $path eq '' ? $doc : File::Spec->canonpath(dirname($doc) . "/$path");
        while ($target =~ s{(^|/)(?!\.\./)[^/]+/\.\./}{$1}) { }
        if ($target =~ m{^\.\.} || !-e $target) {
            push @wrong, "link to $path leads nowhere";
        }
        elsif (defined $anchor && !anchors_of($text{$target} // slurp($target))->{$anchor}) {
            push @wrong, "link to #$anchor: $target has no such heading";
        }
    }

    my %told;
    while ($text =~ /(?<![\w.\/-])((?:Claude|Channel)[A-Z]\w+)\b/g) {
        next if $known->{$1} || $1 =~ /^(?:ClaudeKey|ClaudeTest|ClaudeProxyChannel)$/ || $told{$1}++;
        push @wrong, "$1 is no directive";
    }

    my $line = 0;
    for (split /\n/, $text, -1) {
        $line++;
        push @wrong, "line $line ends with blanks" if /[ \t]$/;
    }
    push @wrong, 'does not end with one line end' if $text !~ /[^\n]\n\z/;
    push @wrong, 'names a path of a developer' if $text =~ m{/(?:home|root)/\w};

    is(join("\n", @wrong), '', $doc);
}

my $readme = $text{'README.md'};
like($readme, qr/^make demo\b/m,  'README.md: make demo');
like($readme, qr/^make check\b/m, 'README.md: make check');

done_testing();
