#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Writes the table of docs/scheduling.md from src/sched/verdicts.def.
use strict;
use warnings;

use FindBin ();
use lib "$FindBin::Bin/../lib";

use ClaudeTest::Sources qw(top);
use ClaudeTest::Verdicts qw(verdict_document);

my $made = verdict_document();
my $path = top() . '/docs/scheduling.md';
open my $out, '>:raw', $path or die "$path: $!\n";
print {$out} $made;
close $out or die "$path: $!\n";
