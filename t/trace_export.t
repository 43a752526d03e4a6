#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# ClaudeTraceExport: the spans that a collector gets, and what happens when it takes none.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Host qw(free_port host_dir host_start program_start program_stop slurp spill);
use Test::More;
use Time::HiRes qw(sleep time);

my $dir = host_dir();
my $upstream = ClaudeTest::Run::ports()->{upstream};
my $port = free_port();
my $secret = 'collector-secret-0123456789';

mkdir "$dir/collector" or die "collector: $!\n";
spill("$dir/key", "$secret\n");
chmod 0600, "$dir/key";

sub collector_start {
    return program_start('collector', $port, $^X, top() . '/t/lib/collector.pl', $port, "$dir/collector");
}

# Start and end differ by mode.
sub mode { return spill("$dir/collector/mode", "$_[0]\n") }

sub batches { return grep { $_ } map { decode($_) } split /\n/, slurp("$dir/collector/requests") }

sub forget { return spill("$dir/collector/requests", '') }

sub spans_of { return map { @{ $_->{scopeSpans}[0]{spans} } } map { @{ $_->{body}{resourceSpans} } } @_ }

# Attributes as a hash; checks that each is one of the kinds there are, and said once.
sub attributes {
    my ($list) = @_;
    my %value;
    for my $attribute (@$list) {
        my ($kind, $value) = %{ $attribute->{value} };
        fail("attribute $attribute->{key} twice") if exists $value{ $attribute->{key} };
        fail("kind of $attribute->{key}: $kind") if $kind !~ /^(?:stringValue|intValue|boolValue|arrayValue)$/;
        fail("64-bit number $attribute->{key} as a string") if $kind eq 'intValue' && encode($value) !~ /^"-?\d+"$/;
        $value{ $attribute->{key} } = $kind eq 'arrayValue' ? [ map { $_->{stringValue} } @{ $value->{values} } ]
            : $value;
    }
    return \%value;
}

# What has to be true of every span of the protocol.
sub check_span {
    my ($span, $what) = @_;
    like $span->{traceId}, qr/^(?!0{32})[0-9a-f]{32}$/, "$what: trace id";
    like $span->{spanId}, qr/^(?!0{16})[0-9a-f]{16}$/, "$what: span id";
    like $span->{parentSpanId} // '0000000000000001', qr/^(?!0{16})[0-9a-f]{16}$/, "$what: parent";
    ok encode($span->{$_}) =~ /^"\d{19}"$/, "$what: $_ in nanoseconds, as a string"
        for qw(startTimeUnixNano endTimeUnixNano);
    cmp_ok $span->{endTimeUnixNano}, 'ge', $span->{startTimeUnixNano}, "$what: ends after it began";
    cmp_ok abs($span->{startTimeUnixNano} / 1e9 - time), '<', 60, "$what: now";
    like $span->{kind}, qr/^[23]$/, "$what: kind";
    is ref $span->{status}, 'HASH', "$what: status";
    is $span->{flags} & 0x101, 0x101, "$what: flags";
    return attributes($span->{attributes});
}

# The spans of a request, its own first; as soon as all have come.
sub spans {
    my ($r, $n) = @_;
    my $id = $r->{headers}{'x-claude-proxy-request'};
    my @mine;
    wait_for(6, sub {
        @mine = sort { $a->{kind} <=> $b->{kind} || $a->{startTimeUnixNano} cmp $b->{startTimeUnixNano} }
            grep { encode($_) =~ /"\Q$id\E"/ } spans_of(batches());
        return @mine >= $n;
    });
    is scalar @mine, $n, "$n spans of $id";
    return @mine;
}

mode('200');
collector_start() or BAIL_OUT('no collector');
my $at = host_start('traced', "ClaudeTraceExport http://127.0.0.1:$port", "ClaudeTraceHeader X-Team file:$dir/key",
    "ClaudeTraceHeader Authorization Bearer $secret",
    map({ ("<ClaudeChannel $_>", 'ChannelService claude', "ChannelURL http://127.0.0.1:$upstream/hidden/$_", 'ChannelKey up-key-secret',
        'ChannelBreaker off', '</ClaudeChannel>') } qw(first second)),
    'ClaudeProxy On', 'ClaudeRequireUser Off',
    '<Location /status>', 'SetHandler claude-status', 'ClaudeRequireUser Off', '</Location>')
    or BAIL_OUT('no server');

# How many spans the requests have made; those that do not make two.
my $made = 0;
my %spans = (unsampled => 0, 'script:always/500' => 3);

sub ask {
    my ($model, @headers) = @_;
    $made += $spans{$model} // 2;
    return request(hostport => $at, method => 'POST', path => '/v1/messages', headers => [ 'Content-Type' => 'application/json',
        @headers ], body => encode(messages_body($model, 'what only the client knows')));
}

sub counts { return request(hostport => $at, path => '/status')->{json}{trace_export} }

# --- a request that is served -------------------------------------------------------
{
    my $r = ask('claude-x');
    is $r->{status}, 200, 'a request';
    my ($span, $attempt) = spans($r, 2);
    my $a = check_span($span, 'request');
    my $usage = $r->{json}{usage};
    is $span->{kind}, 2, 'a server span';
    is $span->{name}, 'chat claude-x', 'its name';
    ok !exists $span->{parentSpanId}, 'the trace begins here';
    is_deeply $span->{status}, {}, 'without an error';
    delete $a->{$_} or fail($_) for qw(claude_proxy.request_id claude_proxy.first_token_ms);
    is_deeply $a, {
        'gen_ai.operation.name' => 'chat', 'gen_ai.provider.name' => 'anthropic', 'gen_ai.request.model' => 'claude-x',
        'gen_ai.response.model' => 'claude-x', 'gen_ai.response.finish_reasons' => ['stop'],
        'gen_ai.usage.input_tokens' => $usage->{input_tokens} + $usage->{cache_read_input_tokens}
            + $usage->{cache_creation_input_tokens},
        'gen_ai.usage.output_tokens' => $usage->{output_tokens},
        'gen_ai.usage.cache_read.input_tokens' => $usage->{cache_read_input_tokens},
        'gen_ai.usage.cache_creation.input_tokens' => $usage->{cache_creation_input_tokens},
        'claude_proxy.attempts' => '1', 'claude_proxy.protocol' => 'messages', 'claude_proxy.channel' => 'first',
        'claude_proxy.pick' => 'priority', 'server.address' => '127.0.0.1', 'server.port' => $upstream,
        'http.request.method' => 'POST', 'http.response.status_code' => '200',
        }, 'what it tells' or diag explain $a;
    $a = check_span($attempt, 'attempt');
    is $attempt->{kind}, 3, 'the attempt is a client span';
    is $attempt->{parentSpanId}, $span->{spanId}, 'below the request';
    is $attempt->{traceId}, $span->{traceId}, 'in its trace';
    is $a->{'http.response.status_code'}, 200, 'with the status of the upstream';
    my ($seen) = upstream_log(model => 'claude-x');
    is header_of($seen, 'traceparent'), "00-$span->{traceId}-$attempt->{spanId}-01", 'whose parent the upstream was told';

    my ($batch) = batches();
    is $batch->{path}, '/v1/traces', 'to the endpoint of traces';
    is $batch->{headers}{'content-type'}, 'application/json', 'as JSON';
    is $batch->{headers}{'x-team'}, $secret, 'with a key';
    is $batch->{headers}{authorization}, "Bearer $secret", 'and one behind a scheme';
    my $resource = attributes($batch->{body}{resourceSpans}[0]{resource}{attributes});
    is $resource->{'service.name'}, 'claude-proxy', 'service';
    like $resource->{'service.version'}, qr/^\d/, 'its version';
    ok $resource->{'host.name'}, 'host';
    is $batch->{body}{resourceSpans}[0]{scopeSpans}[0]{scope}{name}, 'mod_claude_proxy', 'scope';
}

# --- traces of clients ----------------------------------------------------------------
my $trace = '4bf92f3577b34da6a3ce929d0e0e4736';
{
    my $r = ask('traced', Traceparent => "00-$trace-00f067aa0ba902b7-01");
    my ($span) = spans($r, 2);
    is $span->{traceId}, $trace, 'in the trace of the client';
    is $span->{parentSpanId}, '00f067aa0ba902b7', 'below its span';
    is $span->{flags}, 0x301, 'which is somebody else\'s';
    my $unsampled = ask('unsampled', Traceparent => "00-$trace-00f067aa0ba902b7-00");
    my ($seen) = upstream_log(model => 'unsampled');
    is header_of($seen, 'traceparent'), "00-$trace-00f067aa0ba902b7-00", 'what is not sampled is passed on as it came';
    spans(ask('after'), 2);
    spans($unsampled, 0);
}

# --- failures --------------------------------------------------------------------------
{
    my $r = ask('script:always/500');
    my ($span, @attempts) = spans($r, 3);
    my $a = check_span($span, 'failed request');
    is_deeply $span->{status}, { code => 2 }, 'an error';
    ok $a->{'error.type'}, 'of this type';
    is $a->{'claude_proxy.attempts'}, 2, 'after two attempts';
    is_deeply [ map { attributes($_->{attributes})->{'claude_proxy.channel'} } @attempts ], [qw(first second)],
        'each with a span';
    is $_->{status}{code}, 2, 'that failed' for @attempts;
    $r = ask('script:refusals/400');
    ($span) = spans($r, 2);
    is $r->{status}, 400, 'the fault of the client';
    is_deeply $span->{status}, {}, 'is none of the server';
    is attributes($span->{attributes})->{'http.response.status_code'}, 400, 'but told';
    ok !grep({ /what only the client knows|up-key-secret|collector-secret|\/hidden\// } map { encode([ spans_of($_) ]) } batches()),
        'no content, no key, no path';
}

# --- collectors that take nothing -------------------------------------------------------
# A span is there a little later than its request's answer.
sub settled {
    return wait_for(10, sub {
        my $c = counts();
        return !$c->{waiting} && $c->{sent} + $c->{dropped} + $c->{refused} + $c->{lost} == $made;
    });
}

ok settled(), 'all are sent';
my $before = counts();
is_deeply [ @$before{qw(dropped refused lost)} ], [ 0, 0, 0 ], 'none is lost';
is $before->{sent}, scalar spans_of(batches()), 'those that came are counted';
{
    forget();
    mode('partial 1');
    ask('partial');
    ok settled(), 'partial success';
    is counts()->{refused}, $before->{refused} + 1, 'one refused';
    is counts()->{sent}, $before->{sent} + 1, 'one sent';
}
{
    forget();
    mode('503 2');
    ask('later');
    ok wait_for(5, sub { batches() == 1 }), 'a collector that is busy';
    mode('200');
    ok settled(), 'is asked again';
    my @batches = batches();
    is scalar @batches, 2, 'once';
    cmp_ok $batches[1]{time} - $batches[0]{time}, '>=', 2, 'after the time it told';
    is_deeply [ spans_of($batches[1]) ], [ spans_of($batches[0]) ], 'with the same';
    is counts()->{refused}, $before->{refused} + 1, 'nothing is lost';
}
{
    forget();
    my $refused = counts()->{refused};
    mode('400');
    ask('wrong');
    ok settled(), 'a collector that calls it wrong';
    is scalar(() = batches()), 1, 'is not asked again';
    is counts()->{refused}, $refused + 2, 'they are counted';
    is scalar(() = slurp("$dir/traced/error_log") =~ /CLP2450: .*400/g), 1, 'and told';
    ask('wrong again');
    ok settled(), 'once more';
    is scalar(() = slurp("$dir/traced/error_log") =~ /CLP2450/g), 1, 'told once';
    mode('200');
    spans(ask('good'), 2);
    ok wait_for(3, sub { slurp("$dir/traced/error_log") =~ /CLP2451/ }), 'and when it works again';
}
{
    mode('slow 4');
    ask('slow');
    sleep 1.5; # the batch is on its way
    my $began = time;
    ask("behind-$_") for 1 .. 10;
    cmp_ok time - $began, '<', 2, 'a slow collector delays no request';
    mode('200');
    ok settled(), 'and gets all in the end';
}
{
    my $c = counts();
    program_stop('collector');
    my $began = time;
    ask("nobody-$_") for 1 .. 5;
    cmp_ok time - $began, '<', 2, 'nor does one that is away';
    ok settled(), 'its spans are given up';
    is counts()->{refused}, $c->{refused} + 10, 'and counted';
    forget();
    collector_start() or BAIL_OUT('no collector');
    my $r = ask('back');
    ok wait_for(10, sub { grep { encode($_) =~ /chat back/ } spans_of(batches()) }), 'it is back';
}
{
    my $kept = counts()->{sent};
    kill USR1 => slurp("$dir/traced/pid");
    ok wait_for(10, sub { slurp("$dir/traced/error_log") =~ /AH00493.*resuming normal operations/s }),
        'a graceful restart';
    cmp_ok counts()->{sent}, '>=', $kept, 'goes on counting';
    forget();
    my $r = ask('restarted');
    spans($r, 2);
}
is scalar(() = slurp("$dir/traced/error_log") =~ /claude_proxy:(?:error|crit|alert|emerg)\]/g), 0, 'no errors in the log'
    or diag slurp("$dir/traced/error_log");
unlike slurp("$dir/traced/error_log"), qr/\Q$secret\E/, 'nor the secret';
done_testing;
