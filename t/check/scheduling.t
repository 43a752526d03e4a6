#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# docs/scheduling.md says what src/sched/verdicts.def says, and names the reasons and obstacles
# that logs and status do.
use strict;
use warnings;

use Test::More;

use ClaudeTest::Sources qw(text);
use ClaudeTest::Verdicts qw(verdict_document verdict_rows);

my @rows = verdict_rows();
cmp_ok scalar(@rows), '>', 20, 'the table is read';
my %seen;
ok !$seen{ $_->{why} }++, "a reason of its own: $_->{why}" for @rows;
is_deeply [@{ $rows[-1] }{qw(statuses classes dialect words texts)}], [('') x 5], 'the last row fits everything';

my $doc = text('docs/scheduling.md');
ok $doc eq verdict_document(), 'the table of docs/scheduling.md is made from it'
    or diag 'run t/check/scheduling.pl and read what changed';

my $plan = text('src/sched/plan.c');
my @names = $plan =~ /^\s*case CLP_(?:PICK|OBSTACLE)_\w+: return "(\w+)";/mg;
cmp_ok scalar(@names), '>', 15, 'names are found';
like $doc, qr/^\| `\Q$_\E` \|/m, "docs/scheduling.md tells of $_" for @names;
done_testing;
