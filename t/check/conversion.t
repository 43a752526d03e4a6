#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# docs/conversion.md says what the cases of t/cases say.
use strict;
use warnings;

use Test::More;

use ClaudeTest::Conversion qw(conversion_document conversion_gaps);
use ClaudeTest::Sources qw(text);

my $made = conversion_document();
my $doc = eval { text('docs/conversion.md') } // '';
ok $doc eq $made, 'docs/conversion.md is what the cases give' or do {
    my @want = split /\n/, $made;
    my @got = split /\n/, $doc;
    my $i = 0;
    $i++ while $i < @want && $i < @got && $want[$i] eq $got[$i];
    diag 'line ', $i + 1, "\nis:      ", $got[$i] // '(end)', "\nbecomes: ", $want[$i] // '(end)',
        "\nrun t/check/conversion.pl and read what changed";
};
for my $word ('native', 'converted', 'as text', 'refused', 'left out') {
    like $made, qr/^\|.*\Q$word\E/m, "cells say: $word";
}
my @gaps = conversion_gaps();
ok !@gaps, 'every feature has a case between any two protocols' or diag map { "no case: $_\n" } @gaps;
done_testing;
