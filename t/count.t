#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# How many tokens a request has: whoever can count is asked, in its own
# protocol, and the client is told in its own; nobody's fault is the client's.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

my $text = 'hello there ' x 20;

# What each client asks, and where it finds the number.
my %client = (
    messages => {
        path => sub { '/v1/messages/count_tokens?beta=true' },
        body => sub { { model => $_[0], system => 'S', messages => [ { role => 'user', content => $text } ] } },
        told => sub { { input_tokens => $_[0] } },
        bad  => sub { { model => $_[0], messages => [ { role => 'alien', content => 'x' } ] } },
    },
    gemini => {
        path => sub { "/v1beta/models/$_[0]:countTokens" },
        body => sub { { generateContentRequest => { model => "models/$_[0]", systemInstruction => { parts => [ { text => 'S' } ] },
                    contents => [ { role => 'user', parts => [ { text => $text } ] } ] } } },
        told => sub { { totalTokens => $_[0] } },
        bad  => sub { { contents => [ { role => 'alien', parts => [ { text => 'x' } ] } ] } },
    },
    responses => {
        path => sub { '/v1/responses/input_tokens' },
        body => sub { { model => $_[0], instructions => 'S', input => $text } },
        told => sub { { object => 'response.input_tokens', input_tokens => $_[0] } },
        bad  => sub { { model => $_[0], input => [ { type => 'alien' } ] } },
    },
);

# What each upstream is asked by clients of other protocols.
my %upstream = (
    messages => {
        vhost => 'main', path => '/v1/messages/count_tokens', key => [ 'x-api-key' => 'up-key-main' ],
        asked => { model => 'm', system => [ { type => 'text', text => 'S' } ], messages => [ { role => 'user', content => $text } ] },
    },
    gemini => {
        vhost => 'gemini', path => '/v1beta/models/m:countTokens', key => [ 'x-goog-api-key' => 'up-key-gemini' ],
        asked => $client{gemini}{body}->('m'),
    },
    responses => {
        vhost => 'responses', path => '/v1/responses/input_tokens', key => [ authorization => 'Bearer up-key-responses' ],
        asked => { model => 'm', instructions => 'S', input => [ { type => 'message', role => 'user',
                    content => [ { type => 'input_text', text => $text } ] } ] },
    },
);

sub ask {
    my ($vhost, $client, $model, $what) = @_;
    return post($vhost, $client{$client}{path}->($model), $client{$client}{ $what // 'body' }->($model),
        headers => [ 'X-Test' => "count-$vhost-$client-$model-$$" ]);
}

sub estimated { return $_[0]{headers}{'x-claude-proxy-estimated'} }

sub number { return $_[0]{json}{input_tokens} // $_[0]{json}{totalTokens} }

for my $client (sort keys %client) {
    for my $upstream (sort keys %upstream) {
        my $up = $upstream{$upstream};
        my $name = "$client over $upstream";
        upstream_reset();
        my $r = ask($up->{vhost}, $client, 'm');
        is $r->{status}, 200, "$name: counted" or diag $r->{body};
        is_deeply $r->{json}, $client{$client}{told}->(42), "$name: the upstream's number" or diag $r->{body};
        is estimated($r), undef, "$name: no estimate";
        is $r->{headers}{'content-type'}, 'application/json', "$name: a document";
        my ($seen, @more) = upstream_log();
        is scalar(@more), 0, "$name: asked once";
        is header_of($seen, $up->{key}[0]), $up->{key}[1], "$name: with the channel's key";
        if ($client eq $upstream) {
            is $seen->{path}, $client{$client}{path}->('m'), "$name: at its place";
            is body_of($seen), encode($client{$client}{body}->('m')), "$name: byte for byte";
            next;
        }
        is $seen->{path}, $up->{path}, "$name: at its place";
        is_deeply decode(body_of($seen)), $up->{asked}, "$name: in its protocol" or diag body_of($seen);
    }

    for my $vhost (qw(chat legacy)) {
        upstream_reset();
        my $r = ask($vhost, $client, 'm');
        is $r->{status}, 200, "$client over $vhost: estimated";
        is estimated($r), 'true', "$client over $vhost: says so";
        is_deeply $r->{json}, $client{$client}{told}->(60), "$client over $vhost: a likely number";
        is scalar(upstream_log()), 0, "$client over $vhost: nobody was asked";
    }

    # No failure of counting is told to the client, but for what is wrong with its own request.
    for my $upstream (sort keys %upstream) {
        my $vhost = $upstream{$upstream}{vhost};
        for my $script (qw(missing absent refused numberless broken)) {
            my $name = "$client over $upstream, $script";
            my $model = "script:counting/$script";
            my $own = $client eq $upstream;
            my $r = ask($vhost, $client, $model);
            if ($own && $script eq 'refused') {
                is $r->{status}, 400, "$name: its own fault";
                is estimated($r), undef, "$name: no number";
                next;
            }
            is $r->{status}, 200, "$name: answered" or diag $r->{body};
            next if $own && $script eq 'numberless'; # it passes, whatever it says
            is estimated($r), 'true', "$name: by an estimate";
            is number($r), 60, "$name: a likely number";
            my $line = wait_for(3, sub { (claude_log("count-$vhost-$client-$model-$$"))[0] });
            is $line->{outcome}, 'estimated', "$name: in the log, too";
            is $line->{error}, '-', "$name: as no error";
        }
        my $r = ask($vhost, $client, 'm', 'bad');
        is $r->{status}, $client eq $upstream ? 200 : 400, "$client over $upstream: what only its own upstream may read";
    }
}

# Those that count, by priority; who has no such endpoint is passed over.
for my $client (sort keys %client) {
    upstream_reset();
    my $r = ask('counting', $client, 'script:counting/elsewhere');
    is_deeply $r->{json}, $client{$client}{told}->(43), "$client: the next one counts" or diag $r->{body};
    is_deeply [ map { $_->{path} =~ m{^/at/(\w+)/} } upstream_log() ], [qw(first last)], "$client: asked in order, Chat not at all";
}

# Not having the endpoint says nothing against a channel.
{
    my $before = () = log_lines('claude_proxy:warn.*CLP1300');
    ask('gemini', 'messages', "script:counting/$_") for qw(missing absent);
    is scalar(() = log_lines('claude_proxy:warn.*CLP1300')), $before, 'no warning where nothing is broken';
    ask('gemini', 'messages', 'script:counting/broken');
    is scalar(() = log_lines('claude_proxy:warn.*CLP1300')), $before + 1, 'one where it is';
}

# A conversation that the gateway keeps is counted as a whole.
{
    my $first = post('main', '/v1/responses', { model => 'm', input => 'one' });
    upstream_reset();
    my $r = post('main', '/v1/responses/input_tokens', { model => 'm', input => 'two', previous_response_id => $first->{json}{id} });
    is_deeply $r->{json}, { object => 'response.input_tokens', input_tokens => 42 }, 'what goes on' or diag $r->{body};
    is_deeply [ map { $_->{role} } @{ decode(body_of((upstream_log())[0]))->{messages} } ], [qw(user assistant user)],
        'with what went before';
    $r = post('main', '/v1/responses/input_tokens', { model => 'm', input => 'two', previous_response_id => 'resp_nobody' });
    is $r->{json}{error}{code}, 'previous_response_not_found', 'nobody counts what nobody has';
    $r = post('responses', '/v1/responses/input_tokens',
        { model => 'script:counting/missing', input => 'two', previous_response_id => 'resp_theirs' });
    is $r->{status}, 404, 'nor estimates it';
    is estimated($r), undef, 'not at all';
}

done_testing;
