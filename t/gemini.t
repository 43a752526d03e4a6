#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Gemini's protocol through the whole server, as client and as upstream; the
# cases of each field are unit tests.
use strict;
use warnings;

use Digest::SHA ();

use ClaudeTest;
use Test::More;

my %schema = (type => 'object', properties => { city => { type => 'string', description => 'x' x 900 } },
    required => ['city'], additionalProperties => JSON::PP::false());

# What Gemini CLI sends: instructions, many tools with JSON Schemas, thoughts wanted.
sub cli_body {
    my ($text, %more) = @_;
    return {
        contents => [
            { role => 'user', parts => [ { text => 'This is the Gemini CLI. ' . 'Context. ' x 300 } ] },
            { role => 'model', parts => [ { text => 'Got it.' } ] },
            { role => 'user', parts => [ { text => $text } ] },
        ],
        systemInstruction => { role => 'user', parts => [ { text => 'You are an agent. ' x 800 } ] },
        tools => [ { functionDeclarations => [
            { name => 'get_weather', description => 'Weather', parametersJsonSchema => \%schema },
            map { { name => "tool_$_", description => 'Does something. ' x 20, parametersJsonSchema => \%schema } } 1 .. 15
        ] } ],
        generationConfig => { temperature => 1, topP => 0.95, topK => 64,
            thinkingConfig => { includeThoughts => JSON::PP::true(), thinkingBudget => 8192 } },
        %more,
    };
}

sub plain { return { contents => [ { role => 'user', parts => [ { text => $_[0] } ] } ] } }

my @google = (headers => [ 'x-goog-api-key' => 'client-key', 'x-goog-api-client' => 'google-genai-sdk/1.30.0 gl-node/20' ]);

sub ask {
    my ($vhost, $model, $action, $body, %more) = @_;
    my $prefix = delete $more{prefix} // '';
    return post($vhost, "$prefix/v1beta/models/$model:$action", $body, @google, %more);
}

# Text, calls and the end of chunks, however they came.
sub fold {
    my (@chunks) = @_;
    my %f = (text => '', thoughts => '', calls => [], ends => 0, usages => 0);
    for my $chunk (@chunks) {
        my $candidate = $chunk->{candidates}[0];
        for my $part (@{ $candidate->{content}{parts} }) {
            $f{ $part->{thought} ? 'thoughts' : 'text' } .= $part->{text} if defined $part->{text};
            push @{ $f{calls} }, { %{ $part->{functionCall} }, signature => $part->{thoughtSignature} } if $part->{functionCall};
        }
        $f{ends}++, $f{finish} = $candidate->{finishReason} if $candidate->{finishReason};
        $f{usages}++, $f{usage} = $chunk->{usageMetadata} if $chunk->{usageMetadata};
        $f{model} = $chunk->{modelVersion};
    }
    return \%f;
}

# What the strictest reader takes: nothing but data lines, a blank one behind each.
sub strict_chunks {
    my ($r) = @_;
    my @lines = $r->{body} =~ /\Gdata: ([^\r\n]*)(?:\r\n\r\n|\n\n)/gc;
    is pos($r->{body}) // 0, length($r->{body}), "nothing but data lines and blank ones" or diag substr $r->{body}, pos($r->{body}) // 0, 200;
    unlike $r->{body}, qr/\xe2\x80[\xa8\xa9]/, 'no raw line separators';
    return map { decode($_) } @lines;
}

my %text_of = (gemini => 'gemini', main => 'claude', chat => 'openai');

for my $vhost (qw(gemini main chat)) {
    my $body = encode(cli_body("call get_weather {\"city\":\"Paris\"}\ncall get_weather {\"city\":\"Rome\"}"));
    cmp_ok length $body, '>', 35_000, 'a body of the real size';
    for my $how (qw(document events array)) {
        subtest "an agent's turn over $text_of{$vhost}, $how" => sub {
            upstream_reset();
            my $r = ask($vhost, 'gemini-2.5-pro', $how eq 'document' ? 'generateContent'
                : $how eq 'events' ? 'streamGenerateContent?alt=sse' : 'streamGenerateContent', $body, raw => 1);
            is $r->{status}, 200, 'answered' or return diag $r->{body};
            ok $r->{complete}, 'ended properly';
            like $r->{headers}{'content-type'}, $how eq 'events' ? qr{^text/event-stream} : qr{^application/json}, 'content type';
            my ($seen) = upstream_log();
            is header_of($seen, 'x-goog-api-key'), $vhost eq 'gemini' ? 'up-key-gemini' : undef, 'the key upstream';
            unlike encode($seen->{headers}), qr/client-key/, "not the client's";
            my @chunks = $how eq 'events' ? strict_chunks($r) : decode($r->{body});
            @chunks = @{ $chunks[0] } if $how eq 'array';
            my $f = fold(@chunks);
            is_deeply [ map { $_->{args} } @{ $f->{calls} } ], [ { city => 'Paris' }, { city => 'Rome' } ], 'two whole calls';
            is $f->{finish}, 'STOP', 'STOP, also under calls';
            is $f->{ends}, 1, 'told once';
            is $f->{usages}, 1, 'with the usage';
            if ($vhost eq 'gemini') {
                is body_of($seen), $body, 'the body as it was';
                is $seen->{path}, '/v1beta/models/gemini-2.5-pro:' . ($how eq 'document' ? 'generateContent'
                    : $how eq 'events' ? 'streamGenerateContent?alt=sse' : 'streamGenerateContent'), 'the path too';
                is Digest::SHA::sha256_hex($r->{body}), $seen->{sent_sha256}, 'and the answer';
                return;
            }
            ok $f->{calls}[0]{id} && $f->{calls}[0]{id} ne $f->{calls}[1]{id}, 'with ids of their own';
            is $f->{model}, 'gemini-2.5-pro', "the client's name of the model";
            is $f->{usage}{promptTokenCount}, 28, 'input with what came from the cache';
            is $f->{usage}{cachedContentTokenCount}, 5, 'cached input';
            is $f->{usage}{totalTokenCount}, 35, 'total';
            my $up = decode(body_of($seen));
            is_deeply $vhost eq 'main' ? $up->{tools}[0]{input_schema} : $up->{tools}[0]{function}{parameters},
                \%schema, 'schemas as they were';
        };
    }
}

subtest 'state of Claude comes back with the result of the call' => sub {
    my $body = cli_body('call get_weather {"city":"Paris"}');
    my $first = ask('main', 'claude-sonnet-4-5', 'generateContent', $body);
    my $content = $first->{json}{candidates}[0]{content};
    my ($call) = grep { $_->{functionCall} } @{ $content->{parts} };
    like $call->{thoughtSignature}, qr{^R1dSM[A-Za-z0-9+/=]+$}, 'an envelope on the call';
    push @{ $body->{contents} }, { role => 'model', parts => [ grep { !$_->{thought} } @{ $content->{parts} } ] },
        { role => 'user', parts => [ { functionResponse => { id => $call->{functionCall}{id}, name => 'get_weather', response => { output => 'sunny' } } } ] };
    upstream_reset();
    my $second = ask('main', 'claude-sonnet-4-5', 'generateContent', $body);
    is fold($second->{json})->{text}, 'The tool said: sunny', 'answered' or diag $second->{body};
    my $up = decode(body_of((upstream_log())[0]));
    is_deeply $up->{messages}[-2]{content}[0], { type => 'thinking', thinking => 'Let me think about it.',
        signature => 'c2lnbmF0dXJlLW9mLXVwc3RyZWFt' }, 'the thinking in its place';
    is $up->{thinking}{type}, 'enabled', 'and thinking goes on';
    upstream_reset();
    ask('gemini', 'gemini-3-pro', 'generateContent', $body);
    $up = decode(body_of((upstream_log())[0]));
    is_deeply [ grep { defined } map { $_->{thoughtSignature} } @{ $up->{contents}[-2]{parts} } ],
        [ 'skip_thought_signature_validator' ], "Google does not get it, but its mark";
    is_deeply $up->{contents}[-1], $body->{contents}[-1], 'and all else';
};

subtest 'other actions' => sub {
    my $r = ask('gemini', 'gemini-x', 'countTokens', plain('hi'));
    is_deeply $r->{json}, { totalTokens => 42 }, 'countTokens is asked of Gemini';
    $r = ask('chat', 'gemini-x', 'countTokens', { generateContentRequest => { model => 'models/gemini-x', %{ plain('hi' x 40) } } });
    is $r->{json}{totalTokens}, 20, 'or estimated';
    $r = ask('gemini', 'gemini-x', 'embedContent', { content => { parts => [ { text => 'x' } ] } });
    is_deeply $r->{json}, { embedding => { values => [1] } }, 'embedContent is passed on';
    $r = ask('main', 'gemini-x', 'embedContent', { content => { parts => [ { text => 'x' } ] } });
    is $r->{status}, 501, 'and not there elsewhere';
    is $r->{json}{error}{status}, 'UNIMPLEMENTED', "told in Google's words";
    $r = post('chat', '/v1/models/models/gemini-x:generateContent', plain('hi'), @google);
    is fold($r->{json})->{text}, 'You said: hi', 'under /v1, with models/ in front';
    for my $path ('/v1beta/models', '/v1/models') {
        $r = request(vhost => 'gemini', path => $path, @google);
        ok((grep { $_->{name} eq 'models/gemini-up-1' } @{ $r->{json}{models} }), "$path lists models as Google does");
    }
};

subtest 'a mapped model' => sub {
    upstream_reset();
    my $body = encode(plain('hi'));
    ask('gemini', 'mapped-model', 'streamGenerateContent?alt=sse&x=1', $body, raw => 1);
    my ($seen) = upstream_log();
    is $seen->{path}, '/v1beta/models/up%2Fstream@name:streamGenerateContent?alt=sse&x=1', 'stands in the path';
    is body_of($seen), $body, 'the body as it was';
};

subtest 'errors' => sub {
    for my $vhost (qw(gemini main chat)) {
        my $r = post($vhost, '/v1beta/models/nothing', plain('hi'), @google);
        is $r->{status}, 405, "$vhost: method";
        is $r->{json}{error}{code}, 405, "in Google's shape";
        $r = post($vhost, '/v1beta/nothing', plain('hi'), @google);
        is $r->{json}{error}{status}, 'NOT_FOUND', 'no such path';
        $r = ask($vhost, 'gemini-x', 'generateContent', '{"contents":');
        is $r->{json}{error}{status}, 'INVALID_ARGUMENT', 'no JSON';
    }
    my $r = ask('chat', 'gemini-x', 'generateContent', { contents => [ { parts => [ { what => 1 } ] } ] });
    like $r->{json}{error}{message}, qr/^contents\.0\.parts\.0: /, 'the path of what is wrong';
    $r = request(vhost => 'auth', method => 'POST', path => '/keys/v1beta/models/x:generateContent',
        headers => [ 'x-goog-api-key' => 'wrong' ], body => encode(plain('x')));
    is $r->{json}{error}{status}, 'UNAUTHENTICATED', 'a wrong key';
    $r = request(vhost => 'auth', method => 'POST', path => '/keys/v1beta/models/x:generateContent',
        headers => [ 'x-goog-api-key' => 'alice-key', 'Content-Type' => 'application/json' ], body => encode(plain('x')));
    is $r->{status}, 200, 'the right one' or diag $r->{body};
};

# Upstreams whose script is chosen by the client's model; a model of Gemini's stands in a path, where
# httpd takes no escaped slash: the map of the channel puts it in.
subtest 'errors of upstreams' => sub {
    my $r = ask('gemini', 'busy', 'generateContent', plain('hi'));
    is $r->{status}, 429, 'passed on';
    is $r->{json}{error}{details}[0]{retryDelay}, '2.5s', 'as it was';
    is $r->{headers}{'retry-after-ms'} // '2500', '2500', 'when to come back';
    $r = post('gemini', '/v1/messages', messages_body('busy'));
    is $r->{json}{error}{type}, 'rate_limit_error', 'to Messages';
    is $r->{headers}{'retry-after'}, '3', 'with the time of RetryInfo';
    $r = ask('main', 'busy', 'generateContent', plain('hi'));
    is $r->{json}{error}{status}, 'RESOURCE_EXHAUSTED', 'from Messages';
    is $r->{json}{error}{details}[0]{retryDelay}, '7s', 'with RetryInfo';
};

subtest 'a stream that breaks off' => sub {
    my $r = ask('chat', 'broken', 'streamGenerateContent?alt=sse', plain('hi'), raw => 1);
    my @chunks = strict_chunks($r);
    is $chunks[0]{candidates}[0]{content}{parts}[0]{text}, 'so far ', 'what came';
    is $chunks[-1]{error}{status}, 'UNAVAILABLE', 'the error';
    ok !(grep { $_->{candidates} && $_->{candidates}[0]{finishReason} } @chunks), 'no finish reason';
    ok !$r->{complete}, 'and the connection breaks';
    $r = ask('chat', 'broken', 'streamGenerateContent', plain('hi'), raw => 1);
    ok !$r->{complete}, 'an array too';
    $r = ask('gemini', 'half', 'streamGenerateContent?alt=sse', plain('hi'), raw => 1);
    ok !$r->{complete}, 'a passed stream without its end too';
    @chunks = strict_chunks($r);
    ok $chunks[-1]{error}, 'with an error';
    $r = post('gemini', '/v1/messages', messages_body('half', 'hi', stream => JSON::PP::true()));
    is $r->{events}[-1]{event}, 'error', 'a client of Messages gets its own error';
    ok !(grep { ($_->{event} // '') eq 'message_stop' } @{ $r->{events} }), 'and no end';
};

subtest 'silence' => sub {
    my $r = ask('chat', 'late', 'streamGenerateContent?alt=sse', plain('hi'), raw => 1, prefix => '/patient');
    is fold(strict_chunks($r))->{text}, 'You said: hi', 'nothing is sent to keep a stream alive';
};

# --- Gemini as upstream ------------------------------------------------------------------

my @tools = ({ name => 'get_weather', input_schema => \%schema });

for my $stream (0, 1) {
    my $way = $stream ? 'stream' : 'document';
    my @s = $stream ? (stream => JSON::PP::true()) : ();
    subtest "Messages to Gemini, $way" => sub {
        upstream_reset();
        my $r = post('gemini', '/v1/messages', messages_body('gemini-2.5-pro', 'call get_weather {"city":"Paris"}', tools => \@tools, @s,
            max_tokens => 5000, thinking => { type => 'enabled', budget_tokens => 2000 }));
        is $r->{status}, 200, 'answered' or return diag $r->{body};
        my ($seen) = upstream_log();
        is $seen->{path}, '/v1beta/models/gemini-2.5-pro:' . ($stream ? 'streamGenerateContent?alt=sse' : 'generateContent'), 'path';
        is header_of($seen, 'x-goog-api-key'), 'up-key-gemini', 'key';
        my $up = decode(body_of($seen));
        is_deeply $up->{tools}[0]{functionDeclarations}[0]{parametersJsonSchema}, \%schema, 'schema';
        is $up->{generationConfig}{thinkingConfig}{thinkingBudget}, 2000, 'budget';
        my @blocks = $stream ? map { $_->{json}{content_block} } grep { ($_->{event} // '') eq 'content_block_start' } @{ $r->{events} }
            : @{ $r->{json}{content} };
        is_deeply [ map { $_->{type} } @blocks ], [qw(thinking tool_use)], 'thinking, call';
        like $r->{body}, qr/"signature":"R1dSM/, 'the state in an envelope';
        like $r->{body}, qr/"stop_reason":"tool_use"/, 'stop reason';
        like $r->{body}, qr/"input_tokens":23\b.*"cache_read_input_tokens":5\b.*"output_tokens":7\b/s, 'usage';
    };
    subtest "Chat to Gemini, $way" => sub {
        my $r = post('gemini', '/v1/chat/completions', chat_body('gemini-2.5-pro', 'bonjour le monde', @s));
        is $r->{status}, 200, 'answered' or return diag $r->{body};
        is $stream ? stream_text($r) : $r->{json}{choices}[0]{message}{content}, 'You said: bonjour le monde', 'text';
        like $r->{body}, qr/"finish_reason":"stop"/, 'finish reason';
    };
}

subtest 'a signature through a client of Messages' => sub {
    my @history = ({ role => 'user', content => 'call get_weather {"city":"Paris"}' });
    my $r = post('gemini', '/v1/messages', { model => 'gemini-3-pro', max_tokens => 100, messages => \@history, tools => \@tools });
    push @history, { role => 'assistant', content => $r->{json}{content} },
        { role => 'user', content => [ { type => 'tool_result', tool_use_id => $r->{json}{content}[-1]{id}, content => 'sunny' } ] };
    upstream_reset();
    post('gemini', '/v1/messages', { model => 'gemini-3-pro', max_tokens => 100, messages => \@history, tools => \@tools });
    my $up = decode(body_of((upstream_log())[0]));
    is $up->{contents}[1]{parts}[0]{thoughtSignature}, 'c2lnbmF0dXJlLW9mLWdlbWluaQ==', 'stands where it stood';
    delete $_->{signature} for @{ $history[1]{content} };
    $history[1]{content} = [ grep { $_->{type} eq 'tool_use' } @{ $history[1]{content} } ];
    upstream_reset();
    post('gemini', '/v1/messages', { model => 'gemini-3-pro', max_tokens => 100, messages => \@history, tools => \@tools });
    $up = decode(body_of((upstream_log())[0]));
    is $up->{contents}[1]{parts}[0]{thoughtSignature}, 'skip_thought_signature_validator', "or Google's mark, if it was lost";
};

subtest 'a signature through a client of Chat' => sub {
    my @functions = map { { type => 'function', function => { name => $_->{name}, parameters => $_->{input_schema} } } } @tools;
    my @history = ({ role => 'user', content => 'call get_weather {"city":"Paris"}' });
    my $ask = sub {
        my ($vhost, $model) = @_;
        upstream_reset();
        my $r = post($vhost, '/v1/chat/completions', { model => $model, messages => \@history, tools => \@functions });
        is $r->{status}, 200, "$vhost: answered" or diag $r->{body};
        return ($r, decode(body_of((upstream_log())[0])));
    };
    my ($r) = $ask->('gemini', 'gemini-3-pro');
    my $message = $r->{json}{choices}[0]{message};
    my ($call) = @{ $message->{tool_calls} };
    like $call->{extra_content}{google}{thought_signature}, qr/^R1dSM/, 'on the call, in an envelope';
    push @history, $message, { role => 'tool', tool_call_id => $call->{id}, content => 'sunny' };
    my (undef, $up) = $ask->('gemini', 'gemini-3-pro');
    is $up->{contents}[1]{parts}[0]{thoughtSignature}, 'c2lnbmF0dXJlLW9mLWdlbWluaQ==', 'stands where it stood';
    for my $vhost (qw(chat legacy main responses)) {
        (undef, $up) = $ask->($vhost, 'm');
        unlike encode($up), qr/extra_content|R1dSM|c2lnbmF0dXJlLW9m/, "$vhost: nobody else gets it";
    }
    $call->{extra_content}{google}{thought_signature} = 'R29vZ2xlJ3M=';
    (undef, $up) = $ask->('chat', 'gemini-3-pro');
    is $up->{messages}[1]{tool_calls}[0]{extra_content}{google}{thought_signature}, 'R29vZ2xlJ3M=',
        "Google's own passes from Chat to Chat";
    (undef, $up) = $ask->('gemini', 'gemini-3-pro');
    is $up->{contents}[1]{parts}[0]{thoughtSignature}, 'R29vZ2xlJ3M=', 'and is known to Gemini as it is';
};

done_testing;
