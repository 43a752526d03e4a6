#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Conversion through the whole server; the cases of each field are unit tests.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

my @m_tools = ({ name => 'get_weather', description => 'Weather', input_schema =>
    { type => 'object', properties => { city => { type => 'string' } }, required => ['city'] } });
my @c_tools = ({ type => 'function', function => { name => 'get_weather', description => 'Weather',
    parameters => $m_tools[0]{input_schema} } });
my @o_tools = ($c_tools[0]{function});
my $ask = "call get_weather {\"city\":\"Paris\"}";

# vhost, path, upstream path, body, what the upstream got, what the client got
my @documents = (
    {   name => 'Messages to Chat, text',
        vhost => 'chat', path => '/v1/messages', upstream => '/v1/chat/completions',
        body => messages_body('m', 'bonjour', system => 'Be brief', temperature => 0.5, stop_sequences => ['END']),
        up => sub {
            my ($b) = @_;
            is_deeply [ map { $_->{role} } @{ $b->{messages} } ], [qw(system user)], 'system and user';
            is $b->{max_completion_tokens} // $b->{max_tokens}, 100, 'the cap';
            is_deeply $b->{stop}, ['END'], 'stop';
        },
        down => sub {
            my ($j) = @_;
            is $j->{type}, 'message', 'type';
            is $j->{role}, 'assistant', 'role';
            is $j->{content}[0]{text}, 'You said: bonjour', 'text';
            is $j->{stop_reason}, 'end_turn', 'stop_reason';
            ok exists $j->{stop_sequence}, 'stop_sequence is there';
            is $j->{usage}{input_tokens}, 23, 'input without what came from the cache';
            is $j->{usage}{cache_read_input_tokens}, 5, 'cached input';
            is $j->{usage}{output_tokens}, 7, 'output';
            like $j->{id}, qr/^msg_/, 'an id of the protocol';
        },
    },
    {   name => 'Messages to Chat, tools',
        vhost => 'chat', path => '/v1/messages', upstream => '/v1/chat/completions',
        body => messages_body('m', "$ask\n$ask", tools => \@m_tools),
        up => sub {
            my ($b) = @_;
            is $b->{tools}[0]{function}{name}, 'get_weather', 'the tool';
            is_deeply $b->{tools}[0]{function}{parameters}, $m_tools[0]{input_schema}, 'its schema';
        },
        down => sub {
            my ($j) = @_;
            is $j->{stop_reason}, 'tool_use', 'stop_reason';
            my @calls = grep { $_->{type} eq 'tool_use' } @{ $j->{content} };
            is scalar @calls, 2, 'two calls';
            is_deeply $calls[1]{input}, { city => 'Paris' }, 'input';
            isnt $calls[0]{id}, $calls[1]{id}, 'ids differ';
        },
    },
    {   name => 'Messages to Chat, tool result',
        vhost => 'chat', path => '/v1/messages', upstream => '/v1/chat/completions',
        body => { model => 'm', max_tokens => 50, tools => \@m_tools, messages => [
            { role => 'user', content => 'weather?' },
            { role => 'assistant', content => [ { type => 'tool_use', id => 'toolu_1', name => 'get_weather',
                input => { city => 'Paris' } } ] },
            { role => 'user', content => [ { type => 'tool_result', tool_use_id => 'toolu_1',
                content => 'sunny' } ] } ] },
        up => sub {
            my ($b) = @_;
            is $b->{messages}[1]{tool_calls}[0]{function}{name}, 'get_weather', 'the call';
            is $b->{messages}[2]{role}, 'tool', 'the result';
            is $b->{messages}[2]{tool_call_id}, $b->{messages}[1]{tool_calls}[0]{id}, 'belongs to it';
        },
        down => sub { is $_[0]{content}[0]{text}, 'The tool said: sunny', 'text' },
    },
    {   name => 'Chat to Messages, text',
        vhost => 'main', path => '/v1/chat/completions', upstream => '/v1/messages',
        body => chat_body('m', 'bonjour', stop => 'END', messages => [ { role => 'system', content => 'Be brief' },
            { role => 'user', content => 'bonjour' } ]),
        up => sub {
            my ($b) = @_;
            ok $b->{max_tokens} > 0, 'a cap, which Messages needs';
            ok $b->{system}, 'system';
            is_deeply $b->{stop_sequences}, ['END'], 'stop';
            is scalar @{ $b->{messages} }, 1, 'one message';
        },
        down => sub {
            my ($j) = @_;
            is $j->{object}, 'chat.completion', 'object';
            is $j->{choices}[0]{message}{content}, 'You said: bonjour', 'text';
            is $j->{choices}[0]{finish_reason}, 'stop', 'finish_reason';
            is $j->{usage}{prompt_tokens}, 28, 'input with what came from the cache';
            is $j->{usage}{prompt_tokens_details}{cached_tokens}, 5, 'cached input';
            is $j->{usage}{total_tokens}, 35, 'total';
            like $j->{id}, qr/^chatcmpl-/, 'an id of the protocol';
        },
    },
    {   name => 'Chat to Messages, tools',
        vhost => 'main', path => '/v1/chat/completions', upstream => '/v1/messages',
        body => chat_body('m', $ask, tools => \@c_tools, tool_choice => 'required'),
        up => sub {
            my ($b) = @_;
            is $b->{tools}[0]{name}, 'get_weather', 'the tool';
            is $b->{tool_choice}{type}, 'any', 'tool_choice';
        },
        down => sub {
            my ($j) = @_;
            my $call = $j->{choices}[0]{message}{tool_calls}[0];
            is $j->{choices}[0]{finish_reason}, 'tool_calls', 'finish_reason';
            is_deeply decode($call->{function}{arguments}), { city => 'Paris' }, 'arguments';
        },
    },
    {   name => 'old Chat to Messages',
        vhost => 'main', path => '/v1/chat/completions', upstream => '/v1/messages',
        body => chat_body('m', $ask, functions => \@o_tools, max_tokens => 30),
        up => sub {
            my ($b) = @_;
            is $b->{tools}[0]{name}, 'get_weather', 'the tool';
            is $b->{max_tokens}, 30, 'the cap';
        },
        down => sub {
            my ($j) = @_;
            is $j->{choices}[0]{finish_reason}, 'function_call', 'finish_reason';
            is_deeply decode($j->{choices}[0]{message}{function_call}{arguments}), { city => 'Paris' }, 'arguments';
        },
    },
    {   name => 'Messages to old Chat',
        vhost => 'legacy', path => '/v1/messages', upstream => '/v1/chat/completions',
        body => messages_body('m', $ask, tools => \@m_tools),
        up => sub {
            my ($b) = @_;
            is $b->{functions}[0]{name}, 'get_weather', 'the function';
            is $b->{max_tokens}, 100, 'max_tokens';
            ok !exists $b->{tools}, 'no tools';
        },
        down => sub {
            my ($j) = @_;
            is $j->{stop_reason}, 'tool_use', 'stop_reason';
            is_deeply $j->{content}[-1]{input}, { city => 'Paris' }, 'input';
        },
    },
    {   name => 'Messages to Chat, thinking',
        vhost => 'chat', path => '/v1/messages', upstream => '/v1/chat/completions',
        body => messages_body('gpt-5', 'think', max_tokens => 4000,
            thinking => { type => 'enabled', budget_tokens => 2000 }),
        up => sub { ok $_[0]{reasoning_effort}, 'an effort' },
        down => sub {
            my ($j) = @_;
            is $j->{content}[0]{type}, 'thinking', 'thinking first';
            is $j->{content}[0]{thinking}, 'Let me think about it.', 'its text';
            is $j->{content}[1]{text}, 'You said: think', 'then the text';
        },
    },
);

for my $case (@documents) {
    subtest $case->{name} => sub {
        upstream_reset();
        my $r = post($case->{vhost}, $case->{path}, $case->{body});
        my ($seen) = upstream_log();
        is $r->{status}, 200, 'answered' or return diag $r->{body};
        is $seen->{path}, $case->{upstream}, 'upstream path';
        my $up = decode(body_of($seen));
        ok !$up->{stream}, 'no stream asked for';
        $case->{up}->($up);
        like $r->{headers}{'content-type'}, qr{^application/json}, 'content type';
        $case->{down}->($r->{json});
    };

    subtest "$case->{name}, as a stream" => sub {
        upstream_reset();
        my %body = (%{ $case->{body} }, stream => JSON::PP::true());
        $body{stream_options} = { include_usage => JSON::PP::true() } if $case->{path} =~ /chat/;
        my $r = post($case->{vhost}, $case->{path}, \%body);
        is $r->{status}, 200, 'answered' or return diag $r->{body};
        ok $r->{complete}, 'ended properly';
        like $r->{headers}{'content-type'}, qr{^text/event-stream}, 'content type';
        is $r->{headers}{'content-length'}, undef, 'no length';
        my ($seen) = upstream_log();
        ok decode(body_of($seen))->{stream}, 'a stream asked for';
        ok !(grep { !defined $_->{comment} && !$_->{json} && ($_->{data} // '') ne '[DONE]' } @{ $r->{events} }),
            'every event is JSON';
        my $folded = $case->{path} =~ /chat/ ? fold_chat($r) : fold_messages($r);
        $case->{down}->($folded) if $folded;
    };
}

# A Messages stream put together as the SDKs do, with its grammar checked.
sub fold_messages {
    my ($r) = @_;
    my ($message, @json, $open, $stopped, @wrong);
    for my $event (@{ $r->{events} }) {
        my $e = $event->{json} // next;
        push @wrong, "event line $event->{event}" if ($event->{event} // '') ne $e->{type};
        my $i = $e->{index};
        if ($e->{type} eq 'message_start') {
            push @wrong, 'second message_start' if $message;
            $message = $e->{message};
        }
        elsif ($e->{type} eq 'content_block_start') {
            push @wrong, "block $i" if defined $open || $i != @{ $message->{content} };
            $open = $i;
            push @{ $message->{content} }, $e->{content_block};
            $json[$i] = '';
        }
        elsif ($e->{type} eq 'content_block_delta') {
            push @wrong, "delta of $i" if !defined $open || $open != $i;
            my ($block, $d) = ($message->{content}[$i], $e->{delta});
            $block->{text} .= $d->{text} if $d->{type} eq 'text_delta';
            $block->{thinking} .= $d->{thinking} if $d->{type} eq 'thinking_delta';
            $block->{signature} = $d->{signature} if $d->{type} eq 'signature_delta';
            $json[$i] .= $d->{partial_json} if $d->{type} eq 'input_json_delta';
        }
        elsif ($e->{type} eq 'content_block_stop') {
            undef $open;
            $message->{content}[$i]{input} = decode($json[$i] || '{}')
                if $message->{content}[$i]{type} eq 'tool_use';
        }
        elsif ($e->{type} eq 'message_delta') {
            push @wrong, 'no usage' if ref $e->{usage} ne 'HASH';
            $message->{$_} = $e->{delta}{$_} for qw(stop_reason stop_sequence);
            $message->{usage}{$_} = $e->{usage}{$_} for grep { defined $e->{usage}{$_} } keys %{ $e->{usage} };
        }
        elsif ($e->{type} eq 'message_stop') { $stopped = 1 }
    }
    ok !@wrong, 'the grammar of the stream' or diag join "\n", @wrong;
    ok $stopped, 'message_stop';
    return $message;
}

sub fold_chat {
    my ($r) = @_;
    my (%answer, %message, $done, @wrong);
    for my $event (@{ $r->{events} }) {
        if (($event->{data} // '') eq '[DONE]') {
            $done = 1;
            next;
        }
        my $e = $event->{json} // next;
        push @wrong, 'behind [DONE]' if $done;
        push @wrong, "id $e->{id}" if defined $answer{id} && $answer{id} ne $e->{id};
        $answer{id} = $e->{id};
        push @wrong, 'object' if $e->{object} ne 'chat.completion.chunk';
        $answer{usage} = $e->{usage} if $e->{usage};
        my $choice = $e->{choices}[0] // next;
        push @wrong, 'no role first' if !%message && !$choice->{delta}{role};
        $message{role} //= $choice->{delta}{role};
        $message{content} .= $choice->{delta}{content} if defined $choice->{delta}{content};
        if (my $f = $choice->{delta}{function_call}) {
            $message{function_call}{$_} .= $f->{$_} for grep { defined $f->{$_} } qw(name arguments);
        }
        for my $call (@{ $choice->{delta}{tool_calls} || [] }) {
            my $slot = $message{tool_calls}[ $call->{index} ] //= { function => { arguments => '' } };
            $slot->{id} //= $call->{id};
            $slot->{function}{name} //= $call->{function}{name};
            $slot->{function}{arguments} .= $call->{function}{arguments} // '';
        }
        $answer{choices}[0]{finish_reason} = $choice->{finish_reason} if defined $choice->{finish_reason};
    }
    $answer{object} = 'chat.completion';
    $answer{choices}[0]{message} = \%message;
    ok !@wrong, 'the grammar of the stream' or diag join "\n", @wrong;
    ok $done, '[DONE]';
    return \%answer;
}
done_testing;
