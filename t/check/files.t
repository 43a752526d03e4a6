#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# What must hold for every file.
use strict;
use warnings;

use Test::More;

use ClaudeTest::Sources qw(files text);

my $notice = 'Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0';

# Data whose every byte is part of a test.
my $data = qr{^t/(?:scripts|cases|fuzz|corpus|data)/};

for my $path (files(qr{})) {
    next if $path =~ $data || $path =~ /\.(?:png|svg|ico|gz)$/ || $path eq 'LICENSE';
    my $text = text($path);
    my @lines = split /\n/, $text;
    my @wrong;
    push @wrong, 'longer than 1200 lines' if @lines > 1200 && $path !~ /\.(?:json|md)$/;
    push @wrong, 'no newline at the end' if $text ne '' && $text !~ /\n\z/;
    push @wrong, 'empty lines at the end' if $text =~ /\n\n\z/;
    push @wrong, 'carriage returns' if $text =~ /\r/;
    push @wrong, 'marks of a merge conflict' if $text =~ /^(?:<{7}|>{7}) /m;
    my ($trailing) = grep { $lines[ $_ - 1 ] =~ /[ \t]$/ } 1 .. @lines;
    push @wrong, "white space at the end of line $trailing" if $trailing && $path !~ /\.md$/;
    if ($path =~ /\.[ch]$/) {
        push @wrong, 'a tab' if $text =~ /\t/;
        push @wrong, 'work left over' if $text =~ /\b(?:TODO|FIXME|XXX)\b/;
    }
    if ($path =~ /\.(?:[chty]|pl|pm|sh|conf|in|apxs|mjs)$|^t\/TEST$|^\.ci\//) {
        push @wrong, 'no copyright line at the top' if "@lines[0 .. ($#lines < 2 ? $#lines : 2)]" !~ /\Q$notice\E/;
    }
    ok !@wrong, $path or diag join "\n", @wrong;
}
done_testing;
