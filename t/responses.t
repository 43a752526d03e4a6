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

sub message { return { type => 'message', id => "msg_$_[0]", role => $_[1], content => [ ref $_[2] ? @{ $_[2] } : input_text($_[2]) ] } }

sub function {
    my ($name, $size, %properties) = @_;
    return { type => 'function', name => $name, description => substr("What $name does. " x 100, 0, $size), strict => $false,
        parameters => { type => 'object', properties => \%properties, additionalProperties => $false } };
}

# The body as Codex sends it: instructions as a developer's message of 17 KB, items
# with ids, tools of all kinds, members that are not among OpenAI's; 38 to 40 KB.
my $session = '0199c4d0-7d1e-7c30-8d3e-b5f1f9a0c001';
my %string = (type => 'string');

sub codex_body {
    my ($text, %more) = @_;
    return {
        model => 'gpt-5.5', stream => $true, store => $false, tool_choice => 'auto',
        parallel_tool_calls => $true, include => ['reasoning.encrypted_content'],
        reasoning => { effort => 'medium', summary => 'auto' }, text => { verbosity => 'low' },
        prompt_cache_key => $session, client_metadata => { 'x-codex-installation-id' => 'b' },
        input => [
            message(1, developer => 'You are Codex. ' . 'Follow the rules. ' x 950),
            message(2, developer => "<permissions instructions>\n" . 'Ask first. ' x 180 . '</permissions instructions>'),
            message(3, user => "<environment_context>\n  <cwd>/src</cwd>\n</environment_context>\n"),
            message(4, user => $text),
            @{ delete $more{items} || [] },
        ],
        tools => [
            { type => 'function', name => 'get_weather', description => 'Weather ' x 120, strict => $false,
                parameters => $schema },
            function(exec_command => 1600, cmd => \%string, workdir => \%string, yield_time_ms => { type => 'number' },
                justification => { %string, description => 'Why ' x 200 }),
            function(write_stdin => 900, session_id => { type => 'number' }, chars => \%string),
            function(update_plan => 1200, explanation => \%string, plan => { type => 'array', items => { type => 'object',
                properties => { step => \%string, status => { %string, enum => [qw(pending in_progress completed)] } },
                required => [qw(step status)], additionalProperties => $false } }),
            function(request_user_input => 1200, questions => { type => 'array', items => { type => 'object', properties => {} } }),
            function(view_image => 500, path => \%string),
            (map { function("${_}_mcp_resource" => 700, server => \%string, uri => \%string) } qw(list read)),
            { type => 'namespace', name => 'multi_agent_v1', description => 'Agents ' x 60, tools => [
                function(spawn_agent => 1600, n => { type => 'integer' }, message => \%string),
                map { function("${_}_agent" => 800, id => \%string) } qw(wait close resume) ] },
            { type => 'web_search', external_web_access => $true },
            { type => 'tool_search', execution => 'client', description => 'Search tools ' x 50,
                parameters => { type => 'object', properties => { query => \%string, limit => { type => 'number' } } } },
            { type => 'custom', name => 'apply_patch', description => 'Edit files ' x 60, format => {
                type => 'grammar', syntax => 'lark', definition => "start: begin_patch hunk+ end_patch\n" x 25 } },
        ],
        %more,
    };
}

my @codex_headers = (originator => 'codex_exec', 'User-Agent' => 'codex_exec/0.169.0 (Debian 12.0.0; x86_64) unknown',
    'session-id' => $session, 'thread-id' => $session, 'x-client-request-id' => $session,
    'x-codex-window-id' => "$session:0", 'x-codex-turn-metadata' => '{"turn_id":"1"}',
    'x-codex-beta-features' => 'remote_compaction_v2');
my %codex = (headers => [ Accept => 'text/event-stream', Authorization => 'Bearer client-key', @codex_headers ]);

sub anew {
    upstream_reset();    # logs of such bodies grow long
    return post(@_);
}

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
    is scalar(grep { !$_->{id} || $_->{status} && $_->{status} ne 'completed' } @items), 0, "$name: done, with ids";
    my $usage = $end->{response}{usage};
    ok defined $usage->{output_tokens_details}{reasoning_tokens}, "$name: usage with details";
    return @items if $name =~ /^legacy/;    # cannot ask a stream for its usage
    is $usage->{total_tokens}, 35, "$name: usage";
    is $usage->{input_tokens_details}{cached_tokens}, 5, "$name: of the cache";
    return @items;
}

# As Codex gives items back.
sub back {
    return map { my %i = %$_; delete $i{status}; $i{type} eq 'reasoning' ? { %i, content => undef } : \%i } @_;
}

sub one { my ($type, @items) = @_; return (grep { $_->{type} eq $type } @items)[0] || {} }

for my $vhost (qw(main chat legacy responses gemini)) {
    my $own = $vhost eq 'responses';
    my $body = codex_body($ask);
    cmp_ok length encode($body), '>', 38_000, "$vhost: a body of the real size";
    cmp_ok length encode($body), '<', 40_500, "$vhost: and not more";
    my $first = anew($vhost, '/v1/responses', $body, %codex);
    my @items = check_stream($first, "$vhost, call");
    my $call = one(function_call => @items);
    is_deeply decode($call->{arguments} // ''), { city => 'Paris' }, "$vhost: arguments";
    is $call->{name}, 'get_weather', "$vhost: name";
    is +(events($first))[0]{response}{model}, 'gpt-5.5', "$vhost: the model asked for";

    my ($entry) = (upstream_log())[-1];
    my $up = last_body();
    my %sent = map { lc $_->[0] => $_->[1] } @{ $entry->{headers} };
    unlike encode($entry->{headers}), qr/client-key/, "$vhost: the client's key stays here";
    if ($own) {
        is_deeply $up, $body, 'passed as it is';
        my %want = @codex_headers;
        is_deeply { map { $_ => $sent{ lc $_ } } keys %want }, \%want, 'with its own header fields';
    }
    else {
        is_deeply [ grep { /codex|session-id|thread-id|originator/ } keys %sent ], [], "$vhost: header fields of Codex stay here";
        like encode($up), qr/You are Codex/, "$vhost: instructions upstream";
        unlike encode($up), qr/client_metadata|encrypted_content|"type":"namespace"/,
            "$vhost: nothing that the upstream does not know";
    }
    if ($vhost eq 'main') {
        like $up->{system}[0]{text}, qr/^You are Codex/, 'as system';
        is_deeply [ map { $_->{name} } @{ $up->{tools} } ], [ qw(get_weather exec_command write_stdin update_plan
            request_user_input view_image list_mcp_resource read_mcp_resource), (map { "multi_agent_v1__${_}_agent" }
            qw(spawn wait close resume)), qw(tool_search apply_patch) ], 'tools upstream';
    }
    elsif ($vhost eq 'chat') {
        like $up->{messages}[0]{content}, qr/^You are Codex.*<\/permissions instructions>$/s, 'all instructions';
        is $up->{messages}[0]{role}, 'system', 'as system';
    }

    # The tool loop, with everything given back.
    my $second = anew($vhost, '/v1/responses', codex_body($ask, items => [ back(@items),
        { type => 'function_call_output', id => 'fco_1', call_id => $call->{call_id}, output => 'sunny' } ]), %codex);
    @items = check_stream($second, "$vhost, result");
    is one(message => @items)->{content}[0]{text}, 'The tool said: sunny', "$vhost: the answer";

    # Reasoning as either kind of model is asked for it.
    for my $reasoning ({ summary => 'auto' }, { effort => 'medium' }) {
        check_stream(anew($vhost, '/v1/responses', codex_body('hello', reasoning => $reasoning), %codex),
            "$vhost, reasoning " . encode($reasoning));
    }

    # An image.
    check_stream(anew($vhost, '/v1/responses', codex_body('', items => [ message(5, user => [ input_text('What is it?'),
        { type => 'input_image', image_url => 'data:image/png;base64,iVBORw0KGgo=' } ]) ]), %codex), "$vhost, image");
    like encode(last_body()), qr/iVBORw0KGgo=/, "$vhost: the image upstream";

    # Tools of Responses only, there and back.
    if (!$own) {
        my $patch = "*** Begin Patch\n*** Add File: \"a\"\n";
        my @patched = check_stream(anew($vhost, '/v1/responses',
            codex_body('call apply_patch ' . encode({ input => $patch })), %codex), "$vhost, patch");
        my $custom = one(custom_tool_call => @patched);
        is $custom->{input}, $patch, "$vhost: a free-text call";
        is $custom->{name}, 'apply_patch', "$vhost: its name";
        check_stream(anew($vhost, '/v1/responses', codex_body('patch', items => [ back(@patched), { id => 'ctco_1',
            type => 'custom_tool_call_output', call_id => $custom->{call_id}, output => 'Done!' } ]), %codex), "$vhost, patched");
        like encode(last_body()), qr/Begin Patch.*Done!/s, "$vhost: its result upstream";

        my @spawned = check_stream(anew($vhost, '/v1/responses', codex_body('call multi_agent_v1__spawn_agent {"n":1}'),
            %codex), "$vhost, namespace");
        my $spawn = one(function_call => @spawned);
        is $spawn->{name}, 'spawn_agent', "$vhost: a name within its namespace";
        is $spawn->{namespace}, 'multi_agent_v1', "$vhost: and the namespace";
        check_stream(anew($vhost, '/v1/responses', codex_body('spawn', items => [ back(@spawned), { id => 'fco_2',
            type => 'function_call_output', call_id => $spawn->{call_id}, output => 'agent 7' } ]), %codex), "$vhost, spawned");
        like encode(last_body()), qr/multi_agent_v1__spawn_agent.*agent 7/s, "$vhost: comes back under the same name";
    }

    # The request for a summary: no tools, but calls in the history.
    my $compact = anew($vhost, '/v1/responses', codex_body('Summarise', tools => [], parallel_tool_calls => $false,
        items => [ { type => 'function_call', id => 'fc_1', call_id => 'c1', name => 'get_weather', arguments => '{}' },
            { type => 'function_call_output', id => 'fco_1', call_id => 'c1', output => 'rain' },
            message(6, user => 'Now.') ]), %codex);
    check_stream($compact, "$vhost, compaction");
    my $summary = last_body();
    ok !(grep { exists $summary->{$_} } qw(tools functions tool_choice function_call parallel_tool_calls toolConfig)),
        "$vhost: no empty list of tools, nor a choice among them" if !$own;

    my $document = anew($vhost, '/v1/responses', { model => 'm', input => 'bonjour', store => $false });
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
for my $vhost (qw(main chat legacy responses gemini)) {
    upstream_reset();
    my $r = request(vhost => $vhost, path => '/v1/responses', headers => [ Connection => 'Upgrade', Upgrade => 'websocket',
        'Sec-WebSocket-Version' => 13, 'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==',
        'openai-beta' => 'responses_websockets=2026-02-06', @codex_headers ]);
    is $r->{status}, 426, "$vhost: no websockets" or diag $r->{body};
    ok $r->{json}{error}{message}, "$vhost: says so";
    $r = request(vhost => $vhost, path => '/v1/responses');
    is $r->{status}, 405, "$vhost: GET without one";
    like $r->{headers}{allow}, qr/POST/, "$vhost: says what to do";
    is scalar(upstream_log()), 0, "$vhost: no upstream is asked";
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
    ok $r->{headers}{'x-request-id'}, 'an id, which Codex shows';
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
