#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Requests of the shape Claude Code sends, as it sends them, through both kinds
# of upstream.
use strict;
use warnings;

use ClaudeTest;
use Digest::SHA qw(sha256_hex);
use Test::More;

my @headers = (
    'Accept' => 'application/json', 'Accept-Encoding' => 'gzip, deflate, br, zstd',
    'Authorization' => 'Bearer any', 'anthropic-version' => '2023-06-01',
    'anthropic-beta' => 'claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27',
    'anthropic-dangerous-direct-browser-access' => 'true', 'User-Agent' => 'claude-cli/2.1.330 (external, sdk-cli)',
    'X-App' => 'cli', 'X-Claude-Code-Session-Id' => '0b6e7f0c-7d52-4b3c-9c1c-1d2b3c4d5e6f',
    'X-Stainless-Lang' => 'js', 'X-Stainless-Retry-Count' => '0',
);
my $true = JSON::PP::true();
my @tools = map { { name => $_, description => "Tool $_. " x 50, input_schema => {
    '$schema' => 'https://json-schema.org/draft/2020-12/schema', type => 'object', additionalProperties => JSON::PP::false(),
    properties => { path => { type => 'string' } }, required => ['path'] } } } qw(Bash Read Edit Write Glob Grep ToolSearch);
$tools[5]{defer_loading} = $true;

my %body = (
    model => 'claude-opus-5-5', max_tokens => 64000, stream => $true, tools => \@tools,
    metadata => { user_id => '{"device_id":"d","account_uuid":"","session_id":"0b6e7f0c-7d52-4b3c-9c1c-1d2b3c4d5e6f"}' },
    thinking => { type => 'adaptive', display => 'omitted' }, output_config => { effort => 'high' },
    context_management => { edits => [ { type => 'clear_thinking_20251015', keep => 'all' } ] },
    system => [
        { type => 'text', text => 'x-anthropic-billing-header: cc_version=2.1.330; cc_entrypoint=cli; cch=abc12;' },
        { type => 'text', text => 'You are Claude Code.', cache_control => { type => 'ephemeral' } },
    ],
    messages => [
        { role => 'user', content => [ { type => 'text', text => '<system-reminder>today</system-reminder>' },
            { type => 'text', text => 'find the tool', cache_control => { type => 'ephemeral' } } ] },
        { role => 'system', content => 'Answer in French.' },
        { role => 'assistant', content => [ { type => 'thinking', thinking => '', signature => 'c2ln' },
            { type => 'tool_use', id => 'toolu_01A', name => 'ToolSearch', input => { path => 'web' } } ] },
        { role => 'user', content => [
            { type => 'tool_result', tool_use_id => 'toolu_01A', content => [ { type => 'tool_reference', tool_name => 'Grep' } ] },
            { type => 'text', text => 'Tool loaded.' } ] },
        { role => 'system', content => [ { type => 'text', text => 'Two tools are left.' } ] },
    ],
);

sub ask {
    my ($vhost, %more) = @_;
    upstream_reset();
    return post($vhost, '/v1/messages?beta=true', encode({ %body, %more }), headers => \@headers);
}

# A Claude channel gets all of it as it is.
{
    my $r = ask('main');
    my ($seen) = upstream_log();
    is $r->{status}, 200, 'Claude channel: answered' or diag $r->{body};
    is $seen->{path}, '/v1/messages?beta=true', 'Claude channel: path and query';
    is $seen->{body_sha256}, sha256_hex(encode(\%body)), 'Claude channel: every byte of the body';
    is header_of($seen, 'anthropic-beta'), $headers[9], 'Claude channel: the betas';
    is $r->{events}[-1]{event}, 'message_stop', 'Claude channel: the end';
}

# A Chat channel gets what it can understand, and nothing of it is lost.
{
    my $r = ask('chat');
    is $r->{status}, 200, 'Chat channel: answered' or diag $r->{body};
    my ($seen) = upstream_log();
    my $text = body_of($seen);
    my $up = decode($text);
    unlike $text, qr/billing-header|cch=/, 'Chat channel: no billing header, which changes every time';
    like $text, qr/You are Claude Code/, 'Chat channel: the system prompt';
    like $text, qr/Answer in French/, 'Chat channel: system messages inside the conversation';
    like $text, qr/Two tools are left/, 'Chat channel: both of them';
    like $text, qr/Grep/, 'Chat channel: the tool reference';
    like $text, qr/Tool loaded/, 'Chat channel: the text beside the result';
    unlike $text, qr/cache_control|context_management|defer_loading|"thinking"|c2ln/,
        'Chat channel: nothing that it would refuse';
    my ($call) = map { @{ $_->{tool_calls} || [] } } @{ $up->{messages} };
    my ($result) = grep { $_->{role} eq 'tool' } @{ $up->{messages} };
    is $result->{tool_call_id}, $call->{id}, 'Chat channel: the result belongs to the call';
    is header_of($seen, 'anthropic-beta'), undef, 'Chat channel: no betas';
    my @types = map { $_->{event} // '' } @{ $r->{events} };
    is $types[0], 'message_start', 'Chat channel: the stream begins';
    is $types[-1], 'message_stop', 'Chat channel: and ends';
    my $starts = grep { $_ eq 'content_block_start' } @types;
    is scalar(grep { $_ eq 'content_block_stop' } @types), $starts, 'Chat channel: each block is closed';

    ask('chat', system => [ { %{ $body{system}[0] }, text => $body{system}[0]{text} =~ s/abc12/zz999/r },
        $body{system}[1] ]);
    is body_of((upstream_log())[0]), $text, 'Chat channel: the same bytes whatever the nonce, for its prompt cache';
}

# Side requests: the title of a session, and many counts at once.
{
    my %title = (%body, tools => [], messages => [ { role => 'user', content => 'title?' } ],
        output_config => { format => { type => 'json_schema', schema => { type => 'object',
            properties => { title => { type => 'string' } }, required => ['title'],
            additionalProperties => JSON::PP::false() } } });
    delete @title{qw(thinking context_management)};
    upstream_reset();
    my $r = post('chat', '/v1/messages?beta=true', encode(\%title), headers => \@headers);
    is $r->{status}, 200, 'title: answered' or diag $r->{body};
    is decode(body_of((upstream_log())[0]))->{response_format}{type}, 'json_schema', 'title: the format goes up';
}
for my $vhost (qw(main chat)) {
    my %count = (model => $body{model}, tools => \@tools, messages => [ { role => 'user', content => 'x' } ]);
    my @clients = map {
        my $client = ClaudeTest::Client->open_to(hostport($vhost));
        $client->send_request(method => 'POST', path => '/v1/messages/count_tokens?beta=true',
            headers => [ @headers, 'Content-Type' => 'application/json' ], body => encode(\%count));
        $client
    } 1 .. 35;
    my @wrong = grep { !(($_->receive->{json} || {})->{input_tokens}) } @clients;
    is scalar @wrong, 0, "$vhost: 35 counts at once";
    $_->shut for @clients;
}
done_testing;
