#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# A reader of piped logs that takes its time, so that several writers wait at once:
# slow_cat.pl FILE
use strict;
use warnings;

my ($file) = @ARGV;
open my $out, '>>', $file or die "$file: $!\n";
while (sysread STDIN, my $piece, 4096) {
    syswrite $out, $piece;
    select undef, undef, undef, 0.002;
}
