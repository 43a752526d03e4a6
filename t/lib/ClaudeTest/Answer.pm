# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Answer;

=head1 NAME

ClaudeTest::Answer - what a provider would plausibly answer

=head1 WHAT IT ANSWERS

The text is "You said: " and the last user text. A line "call NAME JSON" in
that text makes a call of the tool NAME, several lines several calls; a forced
tool_choice calls that tool. After tool results the text is "The tool said: "
and the results. A line "say TEXT" is answered with TEXT alone, and a line
"stop length" or "stop refusal" ends the answer for that reason. Thinking is
given when it was asked for. All of it is the same for the same request.

=cut

use strict;
use warnings;

use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# Members in the order given, as providers do.
sub object {
    my @parts;
    while (my ($key, $value) = splice @_, 0, 2) {
        push @parts, $json->encode($key) . ':' . (ref $value eq 'SCALAR' ? $$value : $json->encode($value));
    }
    my $text = '{' . join(',', @parts) . '}';
    return \$text;
}

sub list {
    my $text = '[' . join(',', map { $$_ } @_) . ']';
    return \$text;
}

# JSON text as it stands, for a place where a value goes.
sub raw {
    my ($text) = @_;
    utf8::encode($text);
    return $text;
}

sub text_of {
    my ($content) = @_;
    return '' if !defined $content;
    return $content if !ref $content;
    return join '', map { ref $_ && ($_->{type} // '') =~ /^(?:text|input_text)$/ ? $_->{text} : '' }
        @$content;
}

# The items of a Responses request as messages.
sub messages_of_items {
    my ($input) = @_;
    return ({ role => 'user', content => $input }) if !ref $input;
    return map {
        my $type = $_->{type} // 'message';
          $type eq 'message'    ? { role => $_->{role}, content => $_->{content} }
        : $type =~ /_output\z/ ? { role => 'tool',      content => $_->{output} }
        :                         { role => 'assistant', content => '' }
    } @$input;
}

# What the last turn asks for: text, results of tools, and the tools called.
sub understand {
    my ($request) = @_;
    my $body = $request->{json} // {};
    my @messages = ref $body->{messages} eq 'ARRAY' ? @{ $body->{messages} } : ();
    @messages = messages_of_items($body->{input}) if defined $body->{input};
    my @tools = map { $_->{function} ? $_->{function}{name} : $_->{name} }
        @{ $body->{tools} // $body->{functions} // [] };
    my ($prompt, @results) = ('');

    for my $message (reverse @messages) {
        my $role = $message->{role} // '';
        next if $role eq 'system' || $role eq 'developer';
        last if $role eq 'assistant';
        my $content = $message->{content};
        if ($role eq 'tool' || $role eq 'function') {
            unshift @results, text_of($content);
            next;
        }
        if (ref $content) {
            unshift @results,
                map { text_of($_->{content}) } grep { ($_->{type} // '') eq 'tool_result' } @$content;
        }
        my $text = text_of($content);
        $prompt = $text if $prompt eq '' && $text ne '';
    }

    my $legacy = exists $body->{functions};
    my @calls;
    if (@tools && !@results) {
        while ($prompt =~ /^call (\w+)(?: (\{.*\}))?$/mg) {
            push @calls, { name => $1, input => $2 // '{}' };
        }
        my $choice = $body->{tool_choice};
        my $forced = ref $choice ? $choice->{name} // ($choice->{function} // {})->{name} : undef;
        $forced //= $tools[0] if (ref $choice ? $choice->{type} // '' : $choice // '') =~ /^(?:any|required)$/;
        push @calls, { name => $forced, input => '{}' } if $forced && !@calls;
        splice @calls, 1 if $legacy;    # the function era has one call in an answer
    }
    my $thinks = ref $body->{thinking} eq 'HASH' && ($body->{thinking}{type} // '') ne 'disabled'
        || defined $body->{reasoning_effort} && $body->{reasoning_effort} ne 'none'
        || ref $body->{reasoning} eq 'HASH' && ($body->{reasoning}{effort} // 'none') ne 'none';
    return {
        text    => @calls ? '' : @results ? "The tool said: @results"
            : $prompt =~ /^say (.*)$/m ? $1 : "You said: $prompt",
        stop    => @calls ? 'calls' : $prompt =~ /^stop (length|refusal)$/m ? $1 : 'end',
        calls   => \@calls,
        thinks  => $thinks,
        model   => $body->{model} // 'unknown',
        legacy  => $legacy,
        usage   => ref $body->{stream_options} eq 'HASH' && $body->{stream_options}{include_usage},
        serial  => $request->{serial},
    };
}

# What the protocols call the reasons why an answer ends.
my %stop = (
    messages  => { end => 'end_turn', calls => 'tool_use', length => 'max_tokens', refusal => 'refusal' },
    chat      => { end => 'stop', calls => 'tool_calls', length => 'length', refusal => 'content_filter' },
    responses => { length => 'max_output_tokens', refusal => 'content_filter' },
    gemini    => { end => 'STOP', calls => 'STOP', length => 'MAX_TOKENS', refusal => 'SAFETY' },
);

sub answer {
    my ($request, $stream, $words) = @_;
    $request = { %$request, json => from_gemini($request->{json} // {}, $request->{model}) } if $request->{dialect} eq 'gemini';
    my $what = understand($request);
    $what->{text} = join ' ', map { "word$_" } 1 .. $words if $words;
    return messages($what, $stream) if $request->{dialect} eq 'messages';
    return responses($what, $stream) if $request->{dialect} eq 'responses';
    return gemini($what, $request, $stream) if $request->{dialect} eq 'gemini';
    return chat($what, $stream);
}

# Contents as understand() takes messages.
sub from_gemini {
    my ($body, $model) = @_;
    my @messages;
    for my $content (@{ $body->{contents} || [] }) {
        my @blocks = map {
                  defined $_->{text}       ? { type => 'text', text => $_->{text} }
                : $_->{functionResponse}   ? { type => 'tool_result',
                    content => $_->{functionResponse}{response}{output} // $_->{functionResponse}{response}{error} }
                : { type => 'other' }
        } @{ $content->{parts} };
        push @messages, { role => ($content->{role} // '') eq 'model' ? 'assistant' : 'user', content => \@blocks };
    }
    return {
        model => $model, messages => \@messages,
        tools => [ map { @{ $_->{functionDeclarations} || [] } } @{ $body->{tools} || [] } ],
        ($body->{generationConfig}{thinkingConfig} ? (reasoning_effort => 'medium') : ()),
    };
}

sub gemini {
    my ($what, $request, $stream) = @_;
    my @meta = (modelVersion => $what->{model}, responseId => sprintf 'up%06d', $what->{serial});
    my $chunk = sub {
        my ($parts, $finish) = @_;
        my $data = object(
            candidates => list(object(content => object(parts => list(@$parts), role => 'model'),
                ($finish ? (finishReason => $finish) : ()), index => 0)),
            ($finish ? (usageMetadata => object(promptTokenCount => 28, candidatesTokenCount => 3,
                thoughtsTokenCount => 4, cachedContentTokenCount => 5, totalTokenCount => 35)) : ()), @meta);
        return $$data =~ s/\xe2\x80([\xa8\xa9])/sprintf '\\u20%02x', ord($1) - 0x80/gre;
    };
    my @parts;
    push @parts, object(text => $_, thought => JSON::PP::true()) for $what->{thinks} ? 'Let me think about it.' : ();
    push @parts, object(text => $_) for grep { $_ ne '' } $stream ? pieces($what->{text}) : $what->{text};
    my $n = 0;
    push @parts, object(functionCall => object(name => $_->{name}, args => \raw($_->{input})),
        $n++ ? () : (thoughtSignature => 'c2lnbmF0dXJlLW9mLWdlbWluaQ==')) for @{ $what->{calls} };
    my $stop = $stop{gemini}{ $what->{stop} };
    return $chunk->(\@parts, $stop) if !$stream;
    my @chunks = ((map { $chunk->([$_]) } @parts), $chunk->([ object(text => '') ], $stop));
    return '[' . join(",\r\n", @chunks) . "\n]\n" if $request->{array};
    return map { "data: $_\r\n\r\n" } @chunks;
}

sub pieces {
    my ($text) = @_;
    return $text =~ /(\S*\s*)/g;
}

sub messages {
    my ($what, $stream) = @_;
    my $id = sprintf 'msg_up%06d', $what->{serial};
    my @blocks;
    push @blocks, [ thinking => 'Let me think about it.', 'c2lnbmF0dXJlLW9mLXVwc3RyZWFt' ] if $what->{thinks};
    push @blocks, [ text => $what->{text} ] if $what->{text} ne '';
    my $n = 0;
    push @blocks, [ tool_use => $_->{name}, $_->{input}, sprintf 'toolu_up%06d_%d', $what->{serial}, ++$n ]
        for @{ $what->{calls} };
    my $stop = $stop{messages}{ $what->{stop} };
    my @input = (input_tokens => 20, cache_creation_input_tokens => 3, cache_read_input_tokens => 5);

    if (!$stream) {
        my @content = map {
                  $_->[0] eq 'text'     ? object(type => 'text', text => $_->[1])
                : $_->[0] eq 'thinking' ? object(type => 'thinking', thinking => $_->[1], signature => $_->[2])
                : object(type => 'tool_use', id => $_->[3], name => $_->[1], input => \raw($_->[2]))
        } @blocks;
        my $text = object(
            id => $id, type => 'message', role => 'assistant', model => $what->{model},
            content => list(@content), stop_reason => $stop, stop_sequence => undef,
            usage => object(@input, output_tokens => 7)
        );
        return $$text;
    }

    my $event = sub { my ($name, $data) = @_; return "event: $name\ndata: $$data\n\n" };
    my $delta = sub {
        my ($i, @delta) = @_;
        return $event->(content_block_delta =>
                object(type => 'content_block_delta', index => $i, delta => object(@delta)));
    };
    my @out = (
        $event->(message_start => object(type => 'message_start', message => object(
            id => $id, type => 'message', role => 'assistant', model => $what->{model},
            content => [], stop_reason => undef, stop_sequence => undef,
            usage => object(@input, output_tokens => 1)))),
        $event->(ping => object(type => 'ping'))
    );
    for my $i (0 .. $#blocks) {
        my ($kind, @rest) = @{ $blocks[$i] };
        my $start = $kind eq 'text' ? object(type => 'text', text => '')
            : $kind eq 'thinking'   ? object(type => 'thinking', thinking => '', signature => '')
            : object(type => 'tool_use', id => $rest[2], name => $rest[0], input => {});
        push @out, $event->(content_block_start =>
                object(type => 'content_block_start', index => $i, content_block => $start));
        if ($kind eq 'text') {
            push @out, $delta->($i, type => 'text_delta', text => $_) for grep { $_ ne '' } pieces($rest[0]);
        }
        elsif ($kind eq 'thinking') {
            push @out, $delta->($i, type => 'thinking_delta', thinking => $_)
                for grep { $_ ne '' } pieces($rest[0]);
            push @out, $delta->($i, type => 'signature_delta', signature => $rest[1]);
        }
        else {
            push @out, $delta->($i, type => 'input_json_delta', partial_json => $_) for unpack '(a9)*', $rest[1];
        }
        push @out, $event->(content_block_stop => object(type => 'content_block_stop', index => $i));
    }
    push @out,
        $event->(message_delta => object(type => 'message_delta',
            delta => object(stop_reason => $stop, stop_sequence => undef), usage => object(output_tokens => 7))),
        $event->(message_stop => object(type => 'message_stop'));
    return @out;
}

sub chat {
    my ($what, $stream) = @_;
    my @base = (id => sprintf('chatcmpl-up%06d', $what->{serial}),
        object => $stream ? 'chat.completion.chunk' : 'chat.completion', created => 1760000000,
        model => $what->{model});
    my $usage = object(prompt_tokens => 28, completion_tokens => 7, total_tokens => 35,
        prompt_tokens_details     => object(cached_tokens    => 5),
        completion_tokens_details => object(reasoning_tokens => $what->{thinks} ? 4 : 0));
    my @calls = @{ $what->{calls} };
    my $finish = @calls && $what->{legacy} ? 'function_call' : $stop{chat}{ $what->{stop} };
    my $reasoning = 'Let me think about it.';
    my $call_id = sub { sprintf 'call_up%06d_%d', $what->{serial}, $_[0] };

    if (!$stream) {
        my @message = (role => 'assistant', content => $what->{text} eq '' ? undef : $what->{text},
            refusal => undef);
        push @message, reasoning_content => $reasoning if $what->{thinks};
        if (@calls && $what->{legacy}) {
            push @message, function_call => object(name => $calls[0]{name}, arguments => $calls[0]{input});
        }
        elsif (@calls) {
            push @message, tool_calls => list(map {
                object(id => $call_id->($_), type => 'function', function =>
                        object(name => $calls[$_]{name}, arguments => $calls[$_]{input}))
            } 0 .. $#calls);
        }
        my $text = object(@base,
            choices => list(object(index => 0, message => object(@message), logprobs => undef,
                finish_reason => $finish)),
            usage => $usage);
        return $$text;
    }

    my $chunk = sub {
        my ($delta, $end) = @_;
        my $data = object(@base, choices => list(object(index => 0, delta => $delta, logprobs => undef,
            finish_reason => $end)));
        return "data: $$data\n\n";
    };
    my @out = $chunk->(object(role => 'assistant', content => ''), undef);
    if ($what->{thinks}) {
        push @out, $chunk->(object(reasoning_content => $_), undef) for grep { $_ ne '' } pieces($reasoning);
    }
    push @out, $chunk->(object(content => $_), undef) for grep { $_ ne '' } pieces($what->{text});
    for my $i (0 .. $#calls) {
        my ($name, $input) = @{ $calls[$i] }{qw(name input)};
        if ($what->{legacy}) {
            push @out, $chunk->(object(function_call => object(name => $name, arguments => '')), undef);
            push @out, $chunk->(object(function_call => object(arguments => $_)), undef)
                for unpack '(a9)*', $input;
            next;
        }
        push @out, $chunk->(object(tool_calls => list(object(index => $i, id => $call_id->($i),
            type => 'function', function => object(name => $name, arguments => '')))), undef);
        push @out, $chunk->(object(tool_calls => list(object(index => $i,
            function => object(arguments => $_)))), undef) for unpack '(a9)*', $input;
    }
    push @out, $chunk->(object(), $finish);
    if ($what->{usage}) {
        my $data = object(@base, choices => [], usage => $usage);
        push @out, "data: $$data\n\n";
    }
    return (@out, "data: [DONE]\n\n");
}

sub responses {
    my ($what, $stream) = @_;
    my $id = sub { sprintf '%s_up%06d_%d', $_[0], $what->{serial}, $_[1] };
    my @items;
    push @items, { kind => 'reasoning', text => 'Let me think about it.' } if $what->{thinks};
    push @items, { kind => 'message', text => $what->{text} } if $what->{text} ne '';
    push @items, map { { kind => 'function_call', text => $_->{input}, name => $_->{name} } } @{ $what->{calls} };
    my $usage = object(
        input_tokens         => 28, input_tokens_details  => object(cached_tokens    => 5),
        output_tokens        => 7,  output_tokens_details => object(reasoning_tokens => $what->{thinks} ? 4 : 0),
        total_tokens         => 35
    );
    my $summary = sub { object(type => 'summary_text', text => $_[0]) };
    my $part    = sub { object(type => 'output_text', text => $_[0], annotations => [], logprobs => []) };
    my $item    = sub {
        my ($i, $whole) = @_;
        my $this   = $items[$i];
        my $status = $whole ? 'completed' : 'in_progress';
        return object(id => $id->('rs', $i), type => 'reasoning',
            summary => $whole ? list($summary->($this->{text})) : [],
            $whole ? (encrypted_content => 'gAAAAABzdGF0ZQ==') : ()) if $this->{kind} eq 'reasoning';
        return object(id => $id->('msg', $i), type => 'message', status => $status, role => 'assistant',
            content => $whole ? list($part->($this->{text})) : []) if $this->{kind} eq 'message';
        return object(id => $id->('fc', $i), type => 'function_call', status => $status,
            call_id => $id->('call', $i), name => $this->{name}, arguments => $whole ? $this->{text} : '');
    };
    my $reason = $stop{responses}{ $what->{stop} };
    my $ended = $reason ? 'incomplete' : 'completed';
    my $response = sub {
        my ($status) = @_;
        my $whole = $status ne 'in_progress';
        return object(id => sprintf('resp_up%06d', $what->{serial}), object => 'response',
            created_at => 1760000000, status => $status, error => undef,
            incomplete_details => $whole && $reason ? object(reason => $reason) : undef,
            model => $what->{model}, output => $whole ? list(map { $item->($_, 1) } 0 .. $#items) : [],
            usage => $whole ? $usage : undef, metadata => {}, tools => [], tool_choice => 'auto');
    };
    return ${ $response->($ended) } if !$stream;

    my $n = 0;
    my $event = sub {
        my ($type, @members) = @_;
        my $data = object(type => "response.$type", sequence_number => $n++, @members);
        return "event: response.$type\ndata: $$data\n\n";
    };
    my @out = map { $event->($_, response => $response->('in_progress')) } qw(created in_progress);
    my %named = (
        reasoning     => [ 'reasoning_summary_text', 'text', summary_index => 0 ],
        message       => [ 'output_text', 'text', content_index => 0, logprobs => [] ],
        function_call => [ 'function_call_arguments', 'arguments' ],
    );
    for my $i (0 .. $#items) {
        my ($kind, $text) = @{ $items[$i] }{qw(kind text)};
        my ($name, $member, @where) = @{ $named{$kind} };
        @where = (item_id => $id->($kind eq 'message' ? 'msg' : $kind eq 'reasoning' ? 'rs' : 'fc', $i),
            output_index => $i, @where);
        my @part = $kind eq 'reasoning' ? (reasoning_summary_part => $summary)
            : $kind eq 'message' ? (content_part => $part) : ();
        push @out, $event->('output_item.added', output_index => $i, item => $item->($i, 0));
        push @out, $event->("$part[0].added", @where, part => $part[1]->('')) if @part;
        push @out, $event->("$name.delta", @where, delta => $_)
            for $kind eq 'function_call' ? unpack '(a9)*', $text : grep { $_ ne '' } pieces($text);
        push @out, $event->("$name.done", @where, $member => $text);
        push @out, $event->("$part[0].done", @where, part => $part[1]->($text)) if @part;
        push @out, $event->('output_item.done', output_index => $i, item => $item->($i, 1));
    }
    return (@out, $event->($ended => response => $response->($ended)));
}

sub error_body {
    my ($dialect, $status, $kind, $message) = @_;
    return ${ object(error => object(code => $status + 0, message => $message, status => $kind)) } if $dialect eq 'gemini';
    my $text = $dialect eq 'messages'
        ? object(type => 'error', error => object(type => $kind, message => $message),
            request_id => 'req_scripted')
        : object(error => object(message => $message, type => $kind, param => undef, code => $kind));
    return $$text;
}

1;
