#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Distributed traces: what of a client's trace context reaches upstream and log.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

upstream_reset();
my $trace = '4bf92f3577b34da6a3ce929d0e0e4736';
my $parent = '00f067aa0ba902b7';
my $good = "00-$trace-$parent-01";

my $n = 0;

# What the upstream got of a request with these fields.
sub passed {
    my ($vhost, @headers) = @_;
    my $model = 'trace-' . ++$n . "-$$";
    my $r = post($vhost, '/v1/messages', messages_body($model, 'x'), headers => \@headers);
    is $r->{status}, 200, "$vhost: answered";
    my ($seen) = upstream_log(model => $model);
    return (header_of($seen, 'traceparent'), header_of($seen, 'tracestate'));
}

for my $vhost (qw(main chat)) {
    is_deeply [ passed($vhost, Traceparent => $good, Tracestate => 'a=1') ], [ $good, 'a=1' ], "$vhost: passed on";
    is_deeply [ passed($vhost, Traceparent => $good, Tracestate => 'A=1') ], [ $good, undef ], "$vhost: without a broken state";
    is_deeply [ passed($vhost, Traceparent => '00-nonsense', Tracestate => 'a=1') ], [ undef, undef ],
        "$vhost: nonsense is not";
    is_deeply [ passed($vhost, Traceparent => $good, Tracestate => 'a=1', Tracestate => 'b=2') ], [ $good, 'a=1, b=2' ],
        "$vhost: a state of two fields";
    is_deeply [ passed($vhost) ], [ undef, undef ], "$vhost: nothing is made up";
}
{
    my $mark = "trace-log-$$";
    post('tags', '/v1/messages', messages_body('m', 'x'), headers => [ 'X-Test' => $mark, Traceparent => $good ]);
    my $line = wait_for(3, sub {
        open my $fh, '<', logs_dir() . '/tags_log' or return;
        my ($l) = grep { /\Q$mark\E/ } <$fh>;
        return $l && decode($l);
    });
    is $line->{trace_id}, $trace, 'the trace in the access log';
    is $line->{span_id}, $parent, 'and the span';
}
done_testing;
