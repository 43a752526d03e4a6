#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Responses as client and as upstream, through the whole server; the cases of
# each field and event are unit tests.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

my ($true, $false) = (JSON::PP::true(), JSON::PP::false());
my $ask = 'call get_weather {"city":"Paris"}';
my $schema = { type => 'object', properties => { city => { type => 'string' } }, required => ['city'],
    additionalProperties => $false };

sub input_text { return { type => 'input_text', text => $_[0] } }

# The body as Codex sends it: instructions as a developer's message of 17 KB, items
# with ids, tools of all kinds, members that are not among OpenAI's.
sub codex_body {
    my ($text, %more) = @_;
    return {
        model => 'gpt-5.5', stream => $true, store => $false, tool_choice => 'auto',
        parallel_tool_calls => $true, include => ['reasoning.encrypted_content'],
        reasoning => { effort => 'medium', summary => 'auto' }, text => { verbosity => 'low' },
        prompt_cache_key => '0199c4d0-7d1e-7c30-8d3e-b5f1f9a0c001',
        client_metadata => { 'x-codex-installation-id' => 'b' },
        input => [
            { type => 'message', id => 'msg_1', role => 'developer',
                content => [ input_text('You are Codex. ' . 'Follow the rules. ' x 950) ] },
            { type => 'message', id => 'msg_2', role => 'developer', content => [ input_text('<permissions/>') ] },
            { type => 'message', id => 'msg_3', role => 'user', content => [ input_text("<environment_context/>\n") ] },
            { type => 'message', id => 'msg_4', role => 'user', content => [ input_text($text) ] },
            @{ delete $more{items} || [] },
        ],
        tools => [
            { type => 'function', name => 'get_weather', description => 'Weather ' x 400, strict => $false,
                parameters => $schema },
            { type => 'namespace', name => 'multi_agent_v1', description => 'Agents', tools => [
                { type => 'function', name => 'spawn_agent', description => 'Spawn ' x 600, strict => $false,
                    parameters => { type => 'object', properties => { n => { type => 'integer' } } } } ] },
            { type => 'web_search', external_web_access => $true },
            { type => 'tool_search', execution => 'client', description => 'Search tools',
                parameters => { type => 'object', properties => { query => { type => 'string' } } } },
            { type => 'custom', name => 'apply_patch', description => 'Edit files', format => {
                type => 'grammar', syntax => 'lark', definition => "start: begin\n" x 400 } },
        ],
        %more,
    };
}

my %codex = (headers => [ Accept => 'text/event-stream', originator => 'codex_exec',
    'User-Agent' => 'codex_exec/0.169.0 (Debian 12; x86_64)', 'session-id' => '0199c4d0', 'thread-id' => '0199c4d0',
    'x-codex-window-id' => '0199c4d0:0', 'x-codex-turn-metadata' => '{"turn_id":"1"}',
    'x-codex-beta-features' => 'remote_compaction_v2', Authorization => 'Bearer any' ]);

sub last_body { return decode(body_of((upstream_log())[-1])) }

sub events { return grep { ref $_ } map { $_->{json} } @{ $_[0]{events} || [] } }

sub items { return map { $_->{item} } grep { $_->{type} eq 'response.output_item.done' } events($_[0]) }

# What every stream must be, whoever stands behind it.
sub check_stream {
    my ($r, $name) = @_;
    my @events = events($r);
    is $r->{status}, 200, "$name: status" or diag $r->{body};
    is_deeply [ map { $_->{sequence_number} } @events ], [ 0 .. $#events ], "$name: numbered";
    is_deeply [ map { $_->{type} } @events[0, 1] ], [ 'response.created', 'response.in_progress' ], "$name: begins";
    is scalar(grep { $_->{type} =~ /^response\.(?:completed|failed|incomplete)$/ } @events), 1, "$name: ends once";
    my $end = $events[-1];
    is $end->{type}, 'response.completed', "$name: completed";
    my @items = items($r);
    is_deeply $end->{response}{output}, \@items, "$name: the last event has the items whole";
    my @added = map { $_->{output_index} } grep { $_->{type} eq 'response.output_item.added' } @events;
    is_deeply \@added, [ 0 .. $#items ], "$name: items in order";
    is $end->{response}{usage}{total_tokens}, 35, "$name: usage";
    is $end->{response}{usage}{input_tokens_details}{cached_tokens}, 5, "$name: with details";
    ok defined $end->{response}{usage}{output_tokens_details}{reasoning_tokens}, "$name: all of them";
    return @items;
}

for my $vhost (qw(main chat responses)) {
    my $body = codex_body($ask);
    cmp_ok length encode($body), '>', 25_000, 'a body of the real size';
    my $first = post($vhost, '/v1/responses', $body, %codex);
    my @items = check_stream($first, "$vhost, call");
    my ($call) = grep { $_->{type} eq 'function_call' } @items;
    is_deeply decode($call->{arguments}), { city => 'Paris' }, "$vhost: arguments";
    is $call->{name}, 'get_weather', "$vhost: name";
    is +(events($first))[0]{response}{model}, 'gpt-5.5', "$vhost: the model asked for";

    my $up = last_body();
    if ($vhost eq 'main') {
        like $up->{system}[0]{text}, qr/^You are Codex/, 'instructions upstream';
        is_deeply [ map { $_->{name} } @{ $up->{tools} } ],
            [qw(get_weather multi_agent_v1__spawn_agent tool_search apply_patch)], 'tools upstream';
        ok !exists $up->{client_metadata}, 'nothing that Messages does not know';
    }
    elsif ($vhost eq 'chat') {
        like $up->{messages}[0]{content}, qr/^You are Codex.*<permissions\/>$/s, 'instructions upstream';
        is $up->{messages}[0]{role}, 'system', 'as system';
    }
    else {
        is_deeply $up, $body, 'passed as it is';
    }

    # The tool loop, with everything given back as Codex does.
    my @back = map { my %i = %$_; delete $i{status}; $i{type} eq 'reasoning' ? { %i, content => undef } : \%i } @items;
    my $second = post($vhost, '/v1/responses', codex_body($ask, items => [ @back,
        { type => 'function_call_output', id => 'fco_1', call_id => $call->{call_id}, output => 'sunny' } ]), %codex);
    @items = check_stream($second, "$vhost, result");
    my ($message) = grep { $_->{type} eq 'message' } @items;
    is $message->{content}[0]{text}, 'The tool said: sunny', "$vhost: the answer";

    # Tools of Responses only.
    my $patch = post($vhost, '/v1/responses',
        codex_body('call apply_patch {"input":"*** Begin Patch\n"}'), %codex);
    if ($vhost ne 'responses') {
        my ($custom) = grep { $_->{type} eq 'custom_tool_call' } items($patch);
        is $custom->{input}, "*** Begin Patch\n", "$vhost: a free-text call";
        my ($spawn) = grep { $_->{type} eq 'function_call' }
            items(post($vhost, '/v1/responses', codex_body('call multi_agent_v1__spawn_agent {"n":1}'), %codex));
        is $spawn->{name}, 'spawn_agent', "$vhost: a name within its namespace";
        is $spawn->{namespace}, 'multi_agent_v1', "$vhost: and the namespace";
    }

    # The request for a summary.
    my $compact = post($vhost, '/v1/responses', codex_body('Summarise', tools => [], parallel_tool_calls => $false,
        items => [ { type => 'function_call', id => 'fc_1', call_id => 'c1', name => 'get_weather', arguments => '{}' },
            { type => 'function_call_output', id => 'fco_1', call_id => 'c1', output => 'rain' },
            { type => 'message', id => 'm', role => 'user', content => [ input_text('Now.') ] } ]), %codex);
    check_stream($compact, "$vhost, compaction");

    my $document = post($vhost, '/v1/responses', { model => 'm', input => 'bonjour', store => $false });
    is $document->{json}{object}, 'response', "$vhost: a document" or diag $document->{body};
    is $document->{json}{status}, 'completed', "$vhost: status";
    is $document->{json}{output}[0]{content}[0]{text}, 'You said: bonjour', "$vhost: text";
    is $document->{json}{usage}{total_tokens}, 35, "$vhost: usage";
}

# State of Claude's goes to Claude, in an envelope on the way.
{
    my $r = post('main', '/v1/responses', codex_body('think', model => 'claude-sonnet-4-5'), %codex);
    my ($reasoning) = items($r);
    is $reasoning->{type}, 'reasoning', 'reasoning comes first';
    is $reasoning->{summary}[0]{text}, 'Let me think about it.', 'its summary';
    like $reasoning->{encrypted_content}, qr/^R1dSM/, 'and an envelope';
    post('main', '/v1/responses', codex_body('think', model => 'claude-sonnet-4-5', items => [ items($r),
        { role => 'user', content => 'go on' } ]), %codex);
    my ($assistant) = grep { $_->{role} eq 'assistant' } @{ last_body()->{messages} };
    is_deeply $assistant->{content}[0], { type => 'thinking', thinking => 'Let me think about it.',
        signature => 'c2lnbmF0dXJlLW9mLXVwc3RyZWFt' }, 'comes back as it was';
    post('chat', '/v1/responses', codex_body('think', items => [ items($r), { role => 'user', content => 'go on' } ]),
        %codex);
    unlike encode(last_body()), qr/R1dSM|c2lnbmF0/, 'and goes nowhere else';
    $reasoning->{encrypted_content} =~ s/.{8}$/AAAAAA==/;
    post('main', '/v1/responses', codex_body('think', model => 'claude-sonnet-4-5', items => [ $reasoning, (items($r))[1],
        { role => 'user', content => 'go on' } ]), %codex);
    unlike encode(last_body()), qr/R1dSM|"thinking":"Let/, 'a broken one is dropped';
}

# OpenAI's state on its way through clients of Messages.
{
    my %think = (model => 'gpt-5', max_tokens => 4000, thinking => { type => 'enabled', budget_tokens => 2000 });
    my $r = post('responses', '/v1/messages', { %think, messages => [ { role => 'user', content => 'hi' } ] });
    is $r->{status}, 200, 'Messages on Responses' or diag $r->{body};
    is $r->{json}{content}[0]{type}, 'thinking', 'a summary is thinking';
    like $r->{json}{content}[0]{signature}, qr/^R1dSM/, 'signed by an envelope';
    is $r->{json}{usage}{input_tokens}, 23, 'usage';
    post('responses', '/v1/messages', { %think, messages => [ { role => 'user', content => 'hi' },
        { role => 'assistant', content => $r->{json}{content} }, { role => 'user', content => 'go on' } ] });
    my ($state) = grep { ($_->{type} // '') eq 'reasoning' } @{ last_body()->{input} };
    is $state->{encrypted_content}, 'gAAAAABzdGF0ZQ==', 'restored';
    is_deeply $state->{summary}, [ { type => 'summary_text', text => 'Let me think about it.' } ], 'as it was';
    is_deeply last_body()->{include}, ['reasoning.encrypted_content'], 'asked for';

    my $s = post('responses', '/v1/messages', { %think, stream => $true, tools => [ { name => 'get_weather',
        input_schema => $schema } ], messages => [ { role => 'user', content => $ask } ] });
    my @starts = map { $_->{content_block}{type} } grep { $_->{type} eq 'content_block_start' } events($s);
    is_deeply \@starts, [qw(thinking tool_use)], 'a stream';
    is +(events($s))[-1]{type}, 'message_stop', 'to its end';
}
for my $stream ($false, $true) {
    my $r = post('responses', '/v1/chat/completions', chat_body('m', $ask, stream => $stream, tools => [ {
        type => 'function', function => { name => 'get_weather', parameters => $schema } } ]));
    is $r->{status}, 200, 'Chat on Responses' or diag $r->{body};
    my $text = $stream
        ? join '', map { $_->{choices}[0]{delta}{tool_calls}[0]{function}{arguments} // '' } events($r)
        : $r->{json}{choices}[0]{message}{tool_calls}[0]{function}{arguments};
    is_deeply decode($text), { city => 'Paris' }, 'its call';
}

# Codex looks for a websocket first; any other answer than this one is told or ends the turn.
{
    my $r = request(vhost => 'main', path => '/v1/responses', headers => [ Connection => 'Upgrade',
        Upgrade => 'websocket', 'Sec-WebSocket-Version' => 13, 'openai-beta' => 'responses_websockets=2026-02-06' ]);
    is $r->{status}, 426, 'no websockets' or diag $r->{body};
    $r = request(vhost => 'main', path => '/v1/responses');
    is $r->{status}, 405, 'GET without one';
    like $r->{headers}{allow}, qr/POST/, 'says what to do';
}

# Errors in their own shapes.
for my $case (
    [ { model => 'm' }, 400, 'invalid_request_error', 'input' ],
    [ { model => 'm', input => 'x', background => $true }, 400, 'invalid_request_error', 'background' ],
    [ { model => 'm', input => [ { type => 'hologram' } ] }, 400, 'invalid_request_error', 'input[0].type' ],
    [ { model => 'script:always/429', input => 'x' }, 429, 'rate_limit_error', undef ],
    [ { model => 'script:always/529', input => 'x' }, 503, 'server_error', undef ],
) {
    my ($body, $status, $type, $param) = @$case;
    my $r = post('main', '/v1/responses', { %$body, stream => $true, store => $false });
    is $r->{status}, $status, "error $status" or diag $r->{body};
    is $r->{json}{error}{type}, $type, 'type';
    is $r->{json}{error}{param}, $param, 'param';
}
for my $script (qw(cut cut-clean error-later)) {
    my $r = post('main', '/v1/responses', { model => "script:streams/$script", input => 'x', stream => $true,
        store => $false });
    my @events = events($r);
    is $events[-1]{type}, 'response.failed', "$script: failed" or diag $r->{body};
    ok $events[-1]{response}{error}{code}, "$script: with a code";
    is scalar(grep { $_->{type} eq 'response.completed' } @events), 0, "$script: nothing looks finished";
}

# Bytes of a Responses client pass a Responses upstream as they are.
{
    my $body = '{"input" : "hi",  "unknown":1.0,"model":"mapped-model"}';
    my $r = post('responses', '/v1/responses', $body);
    is $r->{status}, 200, 'passthrough';
    is body_of((upstream_log())[-1]), '{"input" : "hi",  "unknown":1.0,"model":"upstream-name"}', 'but for the name';
}

done_testing;
