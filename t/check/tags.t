#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Every log line has a tag of its own: CLPnnnn in the log leads to one place.
use strict;
use warnings;

use Test::More;

use ClaudeTest::Sources qw(code files);

# Arguments of a call that begins at the text's position, which is behind the "(".
sub arguments {
    my ($text) = @_;
    my ($depth, @args) = (0, '');
    while ($text =~ /\G("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|.)/gs) {
        my $c = $1;
        if ($c =~ /^[(\[{]$/) { $depth++ }
        elsif ($c =~ /^[)\]}]$/) {
            last if !$depth--;
        }
        elsif ($c eq ',' && !$depth) {
            push @args, '';
            next;
        }
        $args[-1] .= $c;
    }
    s/^\s+|\s+$//g for @args;
    return @args;
}

my %seen;
my $calls = 0;
for my $path (files(qr{^(?:src/.*|mod_claude_proxy)\.c$})) {
    my $text = code($path);
    next if $path eq 'src/wire/log.c';
    while ($text =~ /\bclp_log\s*\(/g) {
        my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
        my @args = arguments(substr $text, $+[0]);
        $calls++;
        if (($args[3] // '') !~ /^[0-9]{1,4}$/) {
            fail "$path:$line: the tag is a number of up to four digits";
            next;
        }
        push @{ $seen{ sprintf '%04d', $args[3] } }, "$path:$line";
    }
    while ($text =~ /"[^"\n]*?CLP([0-9]{4}):/g) {
        my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
        push @{ $seen{$1} }, "$path:$line";
    }
}
ok $calls + keys(%seen) > 0, 'there are log lines';
for my $tag (sort keys %seen) {
    is scalar @{ $seen{$tag} }, 1, "CLP$tag" or diag join "\n", @{ $seen{$tag} };
}
done_testing;
