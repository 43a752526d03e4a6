#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Stored responses: conversations that go on by previous_response_id, and the
# endpoints of single responses.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

my $true = JSON::PP::true();
my $false = JSON::PP::false();

sub ask {
    my ($vhost, $input, %more) = @_;
    my $headers = delete $more{headers};
    my $path = (delete $more{at} // '') . '/v1/responses';
    return post($vhost, $path, { model => 'm', input => $input, %more }, headers => $headers || []);
}

sub get {
    my ($vhost, $path, %r) = @_;
    return request(vhost => $vhost, path => $path, %r);
}

# The texts that the last upstream request was made of, with their roles.
sub upstream_turns {
    my @log = upstream_log();
    my $body = decode(body_of($log[-1]));
    return map {
        my $content = $_->{content};
        "$_->{role}: " . (ref $content ? join '', map { $_->{text} // '' } @$content : $content // '')
    } @{ $body->{messages} };
}

sub final {
    my ($answer) = @_;
    my ($end) = grep { ref $_->{json} && ($_->{json}{type} // '') eq 'response.completed' } @{ $answer->{events} || [] };
    return $end ? $end->{json}{response} : undef;
}

for my $vhost (qw(main chat)) {
    my $first = ask($vhost, 'one', instructions => 'Be brief');
    is $first->{status}, 200, "$vhost: a response" or diag $first->{body};
    my $id = $first->{json}{id};
    like $id, qr/^resp_[0-9A-Za-z]{24}$/, "$vhost: an id that nobody guesses";
    is $first->{json}{store}, $true, "$vhost: stored";
    is $first->{json}{previous_response_id}, undef, "$vhost: the first";

    my $second = ask($vhost, 'two', previous_response_id => $id);
    is $second->{status}, 200, "$vhost: goes on" or diag $second->{body};
    is_deeply [ upstream_turns() ], [ 'user: one', 'assistant: You said: one', 'user: two' ],
        "$vhost: the conversation, without the instructions of before";
    is $second->{json}{previous_response_id}, $id, "$vhost: what it goes on from";
    isnt $second->{json}{id}, $id, "$vhost: an id of its own";

    my $third = ask($vhost, 'three', previous_response_id => $second->{json}{id}, stream => $true);
    my $end = final($third);
    ok $end, "$vhost: a stream" or diag $third->{body};
    is $end->{store}, $true, "$vhost: stored, too";
    is $end->{previous_response_id}, $second->{json}{id}, "$vhost: what the stream goes on from";
    my $fourth = ask($vhost, 'four', previous_response_id => $end->{id});
    is_deeply [ upstream_turns() ],
        [   'user: one', 'assistant: You said: one', 'user: two', 'assistant: You said: two',
            'user: three', 'assistant: You said: three', 'user: four' ], "$vhost: four turns";

    ask($vhost, 'other', previous_response_id => $id);
    is_deeply [ upstream_turns() ], [ 'user: one', 'assistant: You said: one', 'user: other' ],
        "$vhost: a branch";

    my $r = ask($vhost, [ { type => 'item_reference', id => $first->{json}{output}[0]{id} },
        { role => 'user', content => 'again' } ], previous_response_id => $id);
    is $r->{status}, 200, "$vhost: a reference" or diag $r->{body};
    $r = ask($vhost, [ { type => 'item_reference', id => 'msg_nothing' } ], previous_response_id => $id);
    is $r->{status}, 400, "$vhost: a reference to nothing";
    like $r->{json}{error}{message}, qr/^input\[0\]/, "$vhost: says where";

    # The endpoints of one response.
    $r = get($vhost, "/v1/responses/$id");
    is $r->{status}, 200, "$vhost: GET";
    is_deeply $r->{json}, $first->{json}, "$vhost: the response as it was";
    $r = get($vhost, "/v1/responses/$end->{id}");
    is_deeply $r->{json}, $end, "$vhost: a streamed one as it ended";
    $r = get($vhost, "/v1/responses/$second->{json}{id}/input_items?limit=5&order=asc");
    is $r->{status}, 200, "$vhost: input items";
    is $r->{json}{data}[0]{content}[0]{text}, 'two', "$vhost: of its own turn";
    is scalar @{ $r->{json}{data} }, 1, "$vhost: alone";
    is get($vhost, "/v1/responses/$id/input_items?limit=0")->{status}, 400, "$vhost: a wrong page";
    is get($vhost, "/v1/responses/$id?stream=true")->{status}, 400, "$vhost: not as a stream";
    is post($vhost, "/v1/responses/$id/cancel", '')->{status}, 400, "$vhost: nothing to cancel";
    $r = request(vhost => $vhost, method => 'DELETE', path => "/v1/responses/$id/input_items");
    is $r->{status}, 405, "$vhost: items cannot be deleted";
    is $r->{headers}{allow}, 'GET, HEAD', "$vhost: says what can be done";
    $r = request(vhost => $vhost, method => 'DELETE', path => "/v1/responses/$id");
    is $r->{status}, 200, "$vhost: DELETE";
    is_deeply $r->{json}, { id => $id, object => 'response', deleted => $true }, "$vhost: deleted";
    is get($vhost, "/v1/responses/$id")->{status}, 404, "$vhost: gone";
    is ask($vhost, 'x', previous_response_id => $id)->{status}, 400, "$vhost: cannot be continued";
    $r = ask($vhost, 'five', previous_response_id => $second->{json}{id});
    is $r->{status}, 200, "$vhost: what went on from it can";
    is_deeply [ upstream_turns() ], [ 'user: two', 'assistant: You said: two', 'user: five' ],
        "$vhost: without what is gone";

    $r = ask($vhost, 'x', store => $false);
    is $r->{json}{store}, $false, "$vhost: not stored if not wanted";
    is get($vhost, "/v1/responses/$r->{json}{id}")->{status}, 404, "$vhost: indeed not";
    $r = post($vhost, '/v1/responses/input_tokens', { model => 'm', input => 'x' x 400 });
    is $r->{status}, 200, "$vhost: input tokens";
    is $r->{json}{object}, 'response.input_tokens', "$vhost: an object of its own";
    is $r->{json}{input_tokens}, $vhost eq 'main' ? 42 : 100, "$vhost: counted where the upstream can";
    is $r->{headers}{'x-claude-proxy-estimated'}, $vhost eq 'main' ? undef : 'true', "$vhost: an estimate says so";
    is post($vhost, '/v1/responses/compact', { model => 'm', input => 'x' })->{status}, 501,
        "$vhost: no compaction";
    for my $refused ([ background => $true ], [ conversation => 'conv_1' ], [ prompt => { id => 'p' } ]) {
        $r = ask($vhost, 'x', @$refused);
        is $r->{status}, 400, "$vhost: $refused->[0] is refused";
    }
}

# Unknown and impossible ids.
{
    my $r = ask('chat', 'x', previous_response_id => 'resp_nobody');
    is $r->{status}, 400, 'unknown';
    is_deeply $r->{json}{error}, { message => "Previous response with id 'resp_nobody' not found.",
        type => 'invalid_request_error', param => 'previous_response_id',
        code => 'previous_response_not_found' }, 'in the words of the API';
    $r = get('chat', '/v1/responses/resp_nobody');
    is $r->{status}, 404, 'no such response';
    like $r->{json}{error}{message}, qr/resp_nobody/, 'says which';
    is get('chat', '/v1/responses/resp_1%2F..%2F..%2Fx')->{status}, 404, 'no way out of the path';
    is get('chat', '/v1/responses/resp_1/else')->{status}, 404, 'no such part';
}

# Only one's own.
{
    my %key = map { $_ => [ Authorization => "Bearer $_-key" ] } qw(alice bob);
    my $r = ask('auth', 'mine', at => '/keys', headers => $key{alice});
    my $id = $r->{json}{id};
    is $r->{status}, 200, "alice's" or diag $r->{body};
    is get('auth', "/keys/v1/responses/$id", headers => $key{alice})->{status}, 200, 'alice sees it';
    is get('auth', "/keys/v1/responses/$id", headers => $key{bob})->{status}, 404, 'bob does not';
    is request(vhost => 'auth', method => 'DELETE', path => "/keys/v1/responses/$id",
        headers => $key{bob})->{status}, 404, 'nor can he delete it';
    is get('auth', "/keys/v1/responses/$id/input_items", headers => $key{bob})->{status}, 404,
        'nor see what was asked';
    $r = ask('auth', 'go on', at => '/keys', headers => $key{bob}, previous_response_id => $id);
    is $r->{json}{error}{code}, 'previous_response_not_found', 'nor go on from it';
    is get('auth', "/keys/v1/responses/$id", headers => $key{alice})->{status}, 200, 'it is still there';
}

# Sessions Off.
{
    my $kept = ask('chat', 'kept');
    my $r = ask('chat', 'x', at => '/unkept');
    is $r->{json}{store}, $false, 'off: not stored';
    is ask('chat', 'x', at => '/unkept', previous_response_id => $kept->{json}{id})->{status}, 400,
        'off: nothing is continued';
}

# What was thought before a call, which clients of Chat cannot keep.
{
    my %as = map { $_ => [ Authorization => "Bearer $_-key" ] } qw(alice bob);
    my %tool = (type => 'function', function => { name => 'get_weather', parameters => { type => 'object', properties => { city => { type => 'string' } } } });
    my $chat = sub {
        my ($vhost, $headers, $model, $messages, %more) = @_;
        my $at = delete $more{at} // '';
        upstream_reset();
        my $r = post($vhost, "$at/v1/chat/completions", { model => $model, reasoning_effort => 'high', tools => [ \%tool ],
            messages => $messages, %more }, headers => $headers);
        is $r->{status}, 200, 'answered' or diag $r->{body};
        return $r;
    };
    my $sent = sub { return decode(body_of((upstream_log())[-1])) };
    my @asked = ({ role => 'user', content => 'call get_weather {"city":"Paris"}' });
    # A client that knows OpenAI's members only.
    my $answered = sub {
        my ($call) = @_;
        return [ @asked, { role => 'assistant', content => undef, tool_calls => [ { map { $_ => $call->{$_} } qw(id type function) } ] },
            { role => 'tool', tool_call_id => $call->{id}, content => 'sunny' } ];
    };
    my $call;
    for my $stream ($false, $true) {
        my $way = $stream ? 'stream' : 'document';
        my $r = $chat->('auth', $as{alice}, 'claude-sonnet-4-5', \@asked, at => '/keys', stream => $stream);
        ($call) = $stream ? map { @{ $_->{json}{choices}[0]{delta}{tool_calls} // [] } } grep { ref $_->{json} } @{ $r->{events} }
            : @{ $r->{json}{choices}[0]{message}{tool_calls} };
        ok $call->{id}, "$way: a call" or diag $r->{body};
        unlike $r->{body}, qr/extra_content|c2lnbmF0dXJl/, "$way: the client gets nothing that it does not know";
        $chat->('auth', $as{alice}, 'claude-sonnet-4-5', $answered->($call), at => '/keys');
        is_deeply $sent->()->{messages}[1]{content}[0], { type => 'thinking', thinking => 'Let me think about it.',
            signature => 'c2lnbmF0dXJlLW9mLXVwc3RyZWFt' }, "$way: Claude gets back what it thought before the call";
        is $sent->()->{thinking}{type}, 'enabled', "$way: and goes on thinking";
    }
    $chat->('auth', $as{bob}, 'claude-sonnet-4-5', $answered->($call), at => '/keys');
    is $sent->()->{thinking}{type}, 'disabled', 'not for another client: Claude is asked without thinking';
    $chat->('auth', $as{alice}, 'claude-sonnet-4-5', $answered->($call), at => '/keys/unkept');
    is $sent->()->{thinking}{type}, 'disabled', 'nor where nothing is kept';
    $chat->('auth', $as{alice}, 'claude-sonnet-4-5', [ @{ $answered->($call) }, { role => 'assistant', content => 'ok' },
        { role => 'user', content => 'and now?' } ], at => '/keys');
    unlike encode($sent->()), qr/c2lnbmF0dXJl/, 'a turn that has ended needs it no more';
    is $sent->()->{thinking}{type}, 'enabled', 'for thinking can begin anew';

    $call = $chat->('responses', [], 'gpt-5', \@asked)->{json}{choices}[0]{message}{tool_calls}[0];
    $chat->('responses', [], 'gpt-5', $answered->($call));
    is_deeply [ map { $_->{type} } @{ $sent->()->{input} } ], [qw(message reasoning function_call function_call_output)],
        'OpenAI gets back its reasoning before the call';
    like encode($sent->()), qr/"encrypted_content":"(?!R1dSM)[^"]+"/, 'as it was';
    $call = $chat->('gemini', [], 'gemini-3-pro', \@asked)->{json}{choices}[0]{message}{tool_calls}[0];
    $chat->('gemini', [], 'gemini-3-pro', $answered->($call));
    is $sent->()->{contents}[1]{parts}[0]{thoughtSignature}, 'c2lnbmF0dXJlLW9mLWdlbWluaQ==',
        'and Gemini its signature, from a client that leaves out what it does not know';
    $chat->('chat', [], 'gpt-5', $answered->($call));
    is_deeply $sent->()->{messages}, $answered->($call), 'what passes to a Chat upstream stays as it is';
}

# A graceful restart keeps all.
{
    my $before = ask('chat', 'before the restart');
    my %old = map { $_ => 1 } children();
    kill USR1 => server_pid();
    ok wait_for(10, sub { my @now = children(); @now && !grep { $old{$_} } @now }), 'new children';
    my $r = wait_for(10, sub {
        my $answer = eval { ask('chat', 'after', previous_response_id => $before->{json}{id}) };
        $answer && $answer->{status} == 200 ? $answer : undef;
    });
    ok $r, 'goes on after a graceful restart';
    is_deeply [ upstream_turns() ],
        [ 'user: before the restart', 'assistant: You said: before the restart', 'user: after' ],
        'with what was said before';
}

# What a Responses upstream keeps: everything passes, and stays with the key that holds it.
{
    upstream_reset();
    my $last = sub { my @log = upstream_log(script => 'held'); return $log[-1] };
    my $key = sub { return header_of($last->(), 'authorization') };
    my $r = ask('held', 'one', model => 'gpt-1');
    is $r->{status}, 200, 'held upstream' or diag $r->{body};
    is $r->{json}{id}, 'resp_up1', 'its own id';
    is $key->(), 'Bearer held-key-2', 'by the second key';
    $r = ask('held', 'two', model => 'gpt-1', previous_response_id => 'resp_up1');
    is $r->{json}{id}, 'resp_up2', 'goes on there' or diag $r->{body};
    is $key->(), 'Bearer held-key-2', 'with the key that holds it, not the first one';
    is decode(body_of($last->()))->{previous_response_id}, 'resp_up1', 'by its id';
    is decode(body_of($last->()))->{input}, 'two', 'and nothing else';
    $r = get('held', '/v1/responses/resp_up2');
    is $r->{json}{id}, 'resp_up2', 'GET';
    is $last->()->{method}, 'GET', 'as such';
    like $last->()->{path}, qr{/v1/responses/resp_up2$}, 'at its place';
    is $key->(), 'Bearer held-key-2', 'with its key';
    $r = get('held', '/v1/responses/resp_up2/input_items?limit=3');
    is $r->{json}{object}, 'list', 'input items';
    like $last->()->{path}, qr{/v1/responses/resp_up2/input_items\?limit=3$}, 'with the query';
    $r = get('held', '/v1/responses/resp_up9');
    is $r->{status}, 404, 'unknown there, too';
    $r = request(vhost => 'held', method => 'DELETE', path => '/v1/responses/resp_up2');
    ok $r->{json}{deleted}, 'DELETE' or diag $r->{body};
    is $last->()->{method}, 'DELETE', 'as such';
    is $key->(), 'Bearer held-key-2', 'with its key';
    $r = post('held', '/v1/responses/input_tokens', { model => 'gpt-1', input => 'x' });
    is $r->{json}{input_tokens}, 77, 'counted by the upstream';
    $r = post('held', '/v1/responses/compact', { model => 'gpt-1', input => 'x' });
    is $r->{json}{object}, 'response.compaction', 'compacted by the upstream' or diag $r->{body};
    like $last->()->{path}, qr{/v1/responses/compact$}, 'at its place';
    is post('held', '/v1/responses/compact', { model => 'chat-1', input => 'x' })->{status}, 501,
        'not for a model of others';

    my $ours = ask('held', 'one', model => 'chat-1');
    is $ours->{json}{store}, $true, 'of others we keep it';
    ask('held', 'two', model => 'chat-1', previous_response_id => $ours->{json}{id});
    is_deeply [ upstream_turns() ], [ 'user: one', 'assistant: You said: one', 'user: two' ], 'and go on';
    $r = ask('held', 'three', model => 'gpt-1', previous_response_id => $ours->{json}{id});
    is $r->{json}{id}, 'resp_up4', 'a Responses upstream can go on, too' or diag $r->{body};
    my $sent = decode(body_of($last->()));
    ok !exists $sent->{previous_response_id}, 'with no id that it cannot know';
    is scalar @{ $sent->{input} }, 3, 'but with all items';
    ok !exists $sent->{input}[1]{id}, 'without ids of ours';
    $r = ask('held', 'x', model => 'chat-1', previous_response_id => 'resp_up1');
    is $r->{json}{error}{code}, 'previous_response_not_found', 'what one upstream holds no other can continue';
}

# Legacy completions.
for my $vhost (qw(main chat)) {
    my $r = post($vhost, '/v1/completions', { model => 'm', prompt => 'Once', max_tokens => 20 });
    is $r->{status}, 200, "$vhost: completions" or diag $r->{body};
    is $r->{json}{object}, 'text_completion', "$vhost: the object";
    is $r->{json}{choices}[0]{text}, 'You said: Once', "$vhost: the text";
    $r = post($vhost, '/v1/completions', { model => 'm', prompt => ['Once'], max_tokens => 20, stream => $true });
    is join('', map { ref $_->{json} ? $_->{json}{choices}[0]{text} // '' : '' } @{ $r->{events} }),
        'You said: Once', "$vhost: a stream";
    is post($vhost, '/v1/completions', { model => 'm', prompt => 'x', suffix => 'y' })->{status}, 400,
        "$vhost: suffix";
}

done_testing;
