#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Writes the tables of docs/scheduling.md, and its plot, from src/sched/verdicts.def and bench/simulate.
use strict;
use warnings;

use FindBin ();
use lib "$FindBin::Bin/../lib";

use ClaudeTest::Scheduling qw(scheduling_document simulation);
use ClaudeTest::Sources qw(top);

sub spew {
    my ($path, $text) = @_;
    open my $out, '>:raw', $path or die "$path: $!\n";
    print {$out} $text;
    close $out or die "$path: $!\n";
}

my ($tables, $plot) = simulation();
my $made = scheduling_document($tables);
spew(top() . '/docs/scheduling.md', $made);
spew(top() . '/docs/scheduling.svg', $plot) if defined $plot;
