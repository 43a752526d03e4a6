#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Which channel is asked, by what all children know: through the real server.
# Every rule for itself is tested in t/unit with a clock of its own.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(time);

# Channels that were asked, in order.
sub way {
    return map { $_->{path} =~ m{/at/([\w-]+)} ? $1 : '?' } upstream_log();
}

sub ask {
    my ($path, $model, %more) = @_;
    return post('scheduler', "$path/v1/messages", messages_body($model, 'go', %more));
}

# A second channel beside one that is silent; what is no stream waits.
{
    upstream_reset();
    my $begun = time;
    my $r = ask('/hedged', 'any', stream => JSON::PP::true());
    is $r->{status}, 200, 'hedge: answered' or diag $r->{body};
    is stream_text($r), 'You said: go', 'hedge: by the second channel';
    cmp_ok time - $begun, '>=', 0.15, 'hedge: not before its time';
    is_deeply [ way() ], [qw(hanging spare)], 'hedge: both were asked';
    is $r->{headers}{'x-claude-proxy-channel'}, 'sched-spare', 'hedge: the client is told who answered';
    ok wait_for(5, sub { upstream_stats()->{aborted} == 1 }), 'hedge: the other was cancelled';
}

# No attempt begins too late.
for my $case ([ '/hurried', 500, 'late' ], [ '/unhurried', 200, 'late', 'spare' ]) {
    my ($path, $status, @want) = @$case;
    upstream_reset();
    my $r = ask($path, 'any');
    is $r->{status}, $status, "$path: $status" or diag $r->{body};
    is_deeply [ way() ], \@want, "$path: asked " . join ', ', @want;
}

# The last one that asks for patience.
for my $case ([ '/patient', 200, 'busy', 'busy' ], [ '/impatient', 429, 'busy' ]) {
    my ($path, $status, @want) = @$case;
    upstream_reset();
    my $r = ask($path, 'any');
    is $r->{status}, $status, "$path: $status" or diag $r->{body};
    is_deeply [ way() ], \@want, "$path: asked " . join ', ', @want;
}
done_testing;
