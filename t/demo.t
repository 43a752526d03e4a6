#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# The demo upstream over HTTP. What it says is tested in t/unit/test_demo.c.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(time);

sub demo {
    my ($path, $body, %r) = @_;
    return post('demo', "/demo/v1/$path", $body, %r);
}

my $stream = JSON::PP::true();

{
    my $r = demo('messages', messages_body('demo', 'Hi there'));
    is $r->{status}, 200, 'Messages';
    is $r->{json}{type}, 'message', 'a message';
    like $r->{json}{content}[0]{text}, qr/^You said: "Hi there"/, 'what was said';
    like $r->{headers}{'request-id'}, qr/^req_/, 'request id';
    is $r->{headers}{'content-length'}, length $r->{body}, 'length';
    is $r->{json}{stop_reason}, 'end_turn', 'stop reason';
    my $again = demo('messages', messages_body('demo', 'Hi there'));
    is_deeply $again->{json}{content}, $r->{json}{content}, 'the same again';
    is_deeply $again->{json}{usage}, $r->{json}{usage}, 'with the same usage';

    my $s = demo('messages', messages_body('demo', 'Hi there', stream => $stream));
    is $s->{headers}{'content-type'}, 'text/event-stream; charset=utf-8', 'a stream';
    is stream_text($s), $r->{json}{content}[0]{text}, 'of the same text';
    cmp_ok scalar(grep { ($_->{json}{type} // '') eq 'content_block_delta' } @{ $s->{events} }), '>', 5,
        'in pieces';
    is $s->{events}[-1]{json}{type}, 'message_stop', 'to the end';
}
{
    my $r = demo('chat/completions', chat_body('demo', 'Hi there'));
    is $r->{json}{object}, 'chat.completion', 'Chat';
    like $r->{json}{choices}[0]{message}{content}, qr/^You said: "Hi there"/, 'what was said';
    my $s = demo('chat/completions',
        chat_body('demo', 'Hi there', stream => $stream, stream_options => { include_usage => $stream }));
    is stream_text($s), $r->{json}{choices}[0]{message}{content}, 'the same as a stream';
    ok +(grep { $_->{json} && $_->{json}{usage} } @{ $s->{events} }), 'with usage';
    like $s->{body}, qr/data: \[DONE\]\n\n\z/, 'and [DONE]';

    $r = demo('chat/completions', chat_body('demo', 'x', function_call => { name => 'f' },
            functions => [ { name => 'f', parameters => { type => 'object', required => ['a'],
                        properties => { a => { type => 'string' } } } } ]));
    is_deeply $r->{json}{choices}[0]{message}{function_call}, { name => 'f', arguments => '{"a":"demo"}' },
        'functions of old' or diag $r->{body};
    is $r->{json}{choices}[0]{finish_reason}, 'function_call', 'and their finish reason';
}

# Errors, on demand and otherwise.
for my $case ([ 400, 400, 400 ], [ 401, 401, 401 ], [ 429, 429, 429 ], [ 500, 500, 500 ], [ 529, 529, 503 ]) {
    my ($asked, $messages, $chat) = @$case;
    my $r = demo('messages', messages_body("demo-error-$asked"));
    is $r->{status}, $messages, "demo-error-$asked, Messages";
    is $r->{json}{type}, 'error', 'in its shape';
    $r = demo('chat/completions', chat_body("demo-error-$asked"));
    is $r->{status}, $chat, "demo-error-$asked, Chat";
    ok $r->{json}{error}{message}, 'in its shape';
    is $r->{headers}{'retry-after'}, 2, 'with Retry-After' if $asked == 429;
}
is demo('messages', '{')->{status}, 400, 'no JSON';
is demo('messages', { messages => [] })->{status}, 400, 'no model';
is request(vhost => 'demo', path => '/demo/v1/messages')->{status}, 405, 'GET';
is request(vhost => 'demo', path => '/demo/v1/nothing')->{status}, 404, 'another path';

# The rest of its endpoints.
{
    my $r = demo('messages/count_tokens', { model => 'm', messages => [ { role => 'user', content => 'x' x 400 } ] });
    is_deeply $r->{json}, { input_tokens => 100 }, 'count_tokens';
    $r = demo('responses/input_tokens', { model => 'm', input => 'x' x 400 });
    is_deeply $r->{json}, { object => 'response.input_tokens', input_tokens => 100 }, 'input_tokens';
    $r = request(vhost => 'demo', path => '/demo/v1/models');
    ok +(grep { $_->{id} eq 'demo' } @{ $r->{json}{data} }), 'models';
    is $r->{json}{object}, 'list', 'models, OpenAI';
    $r = request(vhost => 'demo', path => '/demo/v1/models', headers => [ 'anthropic-version' => '2023-06-01' ]);
    is $r->{json}{data}[0]{type}, 'model', 'models, Anthropic';
}

# Speed: none lost, and taken where asked for.
{
    my $began = time;
    my $r = demo('messages', messages_body('demo-chunks-200', 'x', max_tokens => 1000, stream => $stream));
    is scalar(grep { ($_->{json}{type} // '') eq 'content_block_delta' } @{ $r->{events} }), 200, '200 pieces';
    cmp_ok time - $began, '<', 5, 'without waiting';
    $began = time;
    my $client = ClaudeTest::Client->open_to(hostport('demo'));
    $client->send_request(method => 'POST', path => '/demo/v1/messages',
        headers => [ 'Content-Type' => 'application/json' ],
        body => encode(messages_body('demo-slow', 'x', stream => $stream)));
    $r = $client->receive(until => sub { $_[0] =~ /text_delta/ }, timeout => 10);
    cmp_ok time - $began, '>', 2, 'demo-slow waits';
    like $r->{body}, qr/text_delta/, 'and sends piece by piece';
    unlike $r->{body}, qr/message_stop/, 'not all at once';
    $client->shut;
}
done_testing;
