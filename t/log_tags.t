#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Every tag of the access log, in lines that are JSON whatever a client sends.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

my $n = 0;

sub lines_of {
    my ($file) = @_;
    open my $fh, '<', logs_dir() . "/$file" or return;
    return <$fh>;
}

# The line of a marked request in a log; its absence is told by undef.
sub line_of {
    my ($file, $mark, $seconds) = @_;
    return wait_for($seconds // 3, sub {
        my ($line) = grep { $_ && $_->{test} eq $mark } map { decode($_) } lines_of($file);
        return $line;
    });
}

sub logged {
    my ($path, $body, @headers) = @_;
    my $mark = 'tags-' . ++$n . "-$$";
    my $r = post('tags', $path, $body, headers => [ 'X-Test' => $mark, @headers ]);
    return (line_of('tags_log', $mark), $r, $mark);
}

{
    my ($line, $r) = logged('/v1/messages', messages_body('m', 'x'));
    ok $line, 'a line of JSON' or BAIL_OUT((lines_of('tags_log'))[-1] // 'no line');
    my %want = (
        status => 200, channel => 'tags', client_protocol => 'messages', upstream_protocol => 'chat',
        model => 'm', upstream_model => 'm', attempts => 1, chosen => 'priority',
        hedge => '-', outcome => 'ok', status_upstream => 200,
        error => '-', user => '-', stream => 'no', stop => 'end', converted => 'yes', unknown => '-',
        empty => '', note => 'm', tried => 'tags:served', retry_after => undef,
    );
    is $line->{$_}, $want{$_}, "$_" for sort keys %want;
    is $line->{$_}, $r->{json}{usage}{ { tokens_in => 'input_tokens', tokens_out => 'output_tokens',
                tokens_cache_read => 'cache_read_input_tokens' }->{$_} }, "$_ as the client was told"
        for qw(tokens_in tokens_out tokens_cache_read);
    like $line->{key}, qr/^up-k.*\.\.\..*6789$/, 'the mask of the key';
    cmp_ok $line->{duration}, '>=', $line->{ttft}, 'times';
    is $line->{request_id}, $r->{headers}{'request-id'}, 'the id that the client got';
    like $line->{gateway_id}, qr/^req_\w{22}$/, 'our own id';
    is $line->{gateway_id}, $r->{headers}{'x-claude-proxy-request'}, 'which the client got, too';
    is $line->{log_id}, $line->{gateway_id}, 'and which is %L';
}
{
    my ($line) = logged('/v1/messages', messages_body('m', 'x', stream => JSON::PP::true()));
    is $line->{stream}, 'yes', 'a stream';
    ($line) = logged('/v1/chat/completions', chat_body('m', 'x'));
    is $line->{converted}, 'no', 'passed through';
    is $line->{client_protocol}, 'chat', 'from Chat to Chat';
}

# What a client may put into a log.
for my $model ("quoted\"\\", "quoted\n\t\x01", "quoted \x{e9}\x{4e2d}") {
    my ($line) = logged('/v1/messages', messages_body($model, 'x'));
    ok $line, 'a line of JSON still' or diag((lines_of('tags_log'))[-1]);
    is $line->{model}, $model, 'with the model as it was';
    is $line->{upstream_model}, 'upstream-name', 'and what it became';
}

# Failures, and the log of failures alone.
{
    my ($line, $r, $mark) = logged('/v1/messages', messages_body('script:always/500', 'x'));
    is $line->{outcome}, 'failed', 'a failure';
    is $line->{error}, 'internal', 'its class';
    is $line->{status_upstream}, 500, 'the upstream\'s status';
    is $line->{tokens_out}, undef, 'no tokens';
    is $line->{stop}, '-', 'no stop';
    ok line_of('failures_log', $mark), 'a note decides on another log';
    ($line, $r, $mark) = logged('/v1/messages', '{');
    is $line->{outcome}, 'client_error', 'a bad request';
    is $line->{error}, 'bad_request', 'its class';
    is $line->{attempts}, 0, 'nobody was asked';
    is $line->{channel}, '-', 'no channel';
    is $line->{model}, '-', 'no model';
    ok !line_of('failures_log', $mark, 0), 'is not in the other log';
}

# Who was asked, and why.
for my $case ([ '/hedged', 'm', 'spare', 'hedge', 'won' ], [ '/unhurried', 'm', 'spare', 'failover', '-' ]) {
    my ($path, $model, $channel, $chosen, $hedge) = @$case;
    my $mark = 'ways-' . ++$n . "-$$";
    post('scheduler', "$path/v1/messages", messages_body($model, 'x', stream => JSON::PP::true()), headers => [ 'X-Test' => $mark ]);
    my $line = line_of('tags_log', $mark);
    is $line->{channel}, $channel, "$path: the channel";
    is $line->{chosen}, $chosen, "$path: why";
    is $line->{hedge}, $hedge, "$path: the hedge";
    is $line->{attempts}, 2, "$path: both count";
}

# Several attempts.
{
    my ($line) = logged('/walk/v1/messages', messages_body('m', 'x'));
    is $line->{tried}, 'tags-void:bad_gateway,tags:served', 'each attempt and what came of it';
    is $line->{attempts}, 2, 'as many as there were';
    ($line) = logged('/hedged/v1/messages', messages_body('m', 'x', stream => JSON::PP::true()));
    is $line->{tried}, 'tags-hanging:lost,tags:served', 'the first was given up';
    ($line) = logged('/v1/messages', messages_body('script:failures/429', 'x'));
    is $line->{tried}, 'tags:429', 'a failure by its status';
}

# The request's id, in every answer and in the lines of the error log.
for my $case (
    [ 'an unknown path', 404, path => '/v1/nowhere' ],
    [ 'no key', 401, method => 'POST', path => '/locked/v1/messages', body => '{}' ],
    [ 'a wrong key', 401, method => 'POST', path => '/locked/v1/messages', body => '{}',
        headers => [ 'x-api-key' => 'nobody' ] ],
    [ 'health', 200, path => '/health' ],
    [ 'a request that is no HTTP', 400, path => '/v1/messages', headers => [ 'Bad Field' => 'x' ] ],
    )
{
    my ($name, $status, %request) = @$case;
    my $r = request(vhost => 'tags', %request);
    is $r->{status}, $status, $name;
    like $r->{headers}{'x-claude-proxy-request'}, qr/^req_\w{22}$/, "$name: with an id";
    next if $status < 400;
    is $r->{json}{request_id} // $r->{headers}{'x-request-id'}, $r->{headers}{'x-claude-proxy-request'},
        "$name: the same in the error";
}
{
    my $r = request(vhost => 'tags', method => 'POST', path => '/locked/v1/messages', body => '{}',
        headers => [ 'x-api-key' => 'nobody' ]);
    my $id = $r->{headers}{'x-claude-proxy-request'};
    ok wait_for(2, sub { log_lines(qr/CLP2012: unknown access key .*\[\Q$id\E\]/) }), 'a refusal with its id in the log';
    $r = post('tags', '/walk/v1/messages', messages_body('m', 'x'));
    $id = $r->{headers}{'x-claude-proxy-request'};
    ok wait_for(2, sub { log_lines(qr/CLP1300: .*\[\Q$id\E\]/) }), 'a failed attempt with the request\'s';
}

# Polling.
{
    my %in;
    for my $case ([ 'health', GET => '/health' ], [ 'hello', HEAD => '/api/hello' ], [ 'wrong', POST => '/health' ],
        [ 'models', GET => '/v1/models' ])
    {
        my ($name, $method, $path) = @$case;
        my $mark = "quiet-$name-$$";
        request(vhost => 'tags', method => $method, path => $path, headers => [ 'X-Test' => $mark ]);
        ok line_of('tags_log', $mark), "$name: in the whole log";
        $in{$name} = line_of('quiet_log', $mark, 0) ? 1 : 0;
    }
    is_deeply \%in, { health => 0, hello => 0, wrong => 1, models => 1 }, 'a log without polls';
}

# Refused, let in, and not ours.
{
    my ($line) = logged('/locked/v1/messages', messages_body('m'));
    is $line->{status}, 401, 'refused';
    is $line->{outcome}, 'client_error', 'its outcome';
    is $line->{user}, '-', 'nobody';
    ($line) = logged('/locked/v1/messages', messages_body('m'), 'x-api-key' => 'alice-key');
    is $line->{user}, 'alice', 'somebody';
    ($line) = logged('/plain/x', '{}');
    ok $line, 'somebody else\'s path is logged too';
    is $line->{outcome}, '-', 'with nothing to tell';
    is $line->{attempts}, undef, 'about attempts either';
}
ok !(grep { /up-key-for-the-tags|alice-key/ } map { lines_of($_) } qw(tags_log failures_log)), 'no key in any line';
done_testing;
