#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# docs/scheduling.md says what src/sched/verdicts.def and the simulation say, and names the reasons
# and obstacles that logs and status do.
use strict;
use warnings;

use Test::More;

use ClaudeTest::Scheduling qw(scheduling_document simulation verdict_rows);
use ClaudeTest::Sources qw(text);

my @rows = verdict_rows();
cmp_ok scalar(@rows), '>', 20, 'the table is read';
my %seen;
ok !$seen{ $_->{why} }++, "a reason of its own: $_->{why}" for @rows;
is_deeply [@{ $rows[-1] }{qw(statuses classes dialect words texts)}], [('') x 5], 'the last row fits everything';

my $doc = text('docs/scheduling.md');
ok $doc eq scheduling_document(), 'the table of docs/scheduling.md is made from it'
    or diag 'run t/check/scheduling.pl and read what changed';

SKIP: {
    my ($tables, $plot) = simulation();
    skip 'bench/simulate is not built', 2 if !defined $plot;
    ok $doc eq scheduling_document($tables), 'and the tables of the simulation are what it gives'
        or diag 'run make simulate and read what changed';
    ok text('docs/scheduling.svg') eq $plot, 'so is its plot';
}

my $sources = text('src/sched/plan.c') . text('src/sched/explanation.c');
my @names = $sources =~ /^\s*case CLP_(?:PICK|OBSTACLE)_\w+: return "(\w+)";/mg;
cmp_ok scalar(@names), '>', 15, 'names are found';
like $doc, qr/^\| `\Q$_\E` \|/m, "docs/scheduling.md tells of $_" for @names;
done_testing;
