#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Which paths answer, for whom, and in which shape the others refuse.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

my @anthropic = ('anthropic-version' => '2023-06-01');

# vhost, method, path, headers, status
my @paths = (
    [ main => GET    => '/health',                     [],          200 ],
    [ main => HEAD   => '/health',                     [],          200 ],
    [ main => HEAD   => '/api/hello',                  [],          200 ],
    [ main => GET    => '/api/hello',                  [],          200 ],
    [ main => GET    => '/ai/health',                  [],          200 ],
    [ main => HEAD   => '/ai/api/hello',               [],          200 ],
    [ main => GET    => '/v1/messages',                \@anthropic, 405, 'POST' ],
    [ main => PUT    => '/v1/messages',                \@anthropic, 405, 'POST' ],
    [ main => DELETE => '/v1/chat/completions',        [],          405, 'POST' ],
    [ main => GET    => '/v1/messages/count_tokens',   \@anthropic, 405, 'POST' ],
    [ main => POST   => '/v1/models',                  [],          405, 'GET' ],
    [ main => POST   => '/health',                     [],          405, 'GET' ],
    [ main => GET    => '/v1/nothing',                 [],          404 ],
    [ main => POST   => '/v1/messages/batches',        \@anthropic, 404 ],
    [ main => GET    => '/ai/nothing',                 [],          404 ],
    [ main => GET    => '/ai/v1/nothing',              \@anthropic, 404 ],
    [ main => GET    => '/v1/models/no-such-model',    \@anthropic, 404 ],
    [ main => GET    => '/somewhere-else',             [],          404, undef, 'html' ],
    [ main => GET    => '/plain/v1/models',            [],          404, undef, 'html' ],
    [ unused => GET  => '/v1/models',                  [],          404, undef, 'html' ],
    [ unused => GET  => '/health',                     [],          404, undef, 'html' ],
    [ empty => GET   => '/health',                     [],          [ 200, 503 ] ],
    [ empty => POST  => '/v1/messages',                [],          [ 400, 529 ] ],
);
for my $case (@paths) {
    my ($vhost, $method, $path, $headers, $status, $allow, $html) = @$case;
    my $r = request(vhost => $vhost, method => $method, path => $path, headers => $headers,
        $method =~ /^P/ ? (body => '{}') : ());
    my $name = "$vhost: $method $path";
    my %ok = map { $_ => 1 } ref $status ? @$status : $status;
    ok $ok{ $r->{status} }, "$name: " . join '/', sort keys %ok or diag "$r->{status} $r->{body}";
    like $r->{headers}{allow} // '', qr/\b$allow\b/, "$name: Allow" if $allow;
    next if $method eq 'HEAD' || $r->{status} < 400 || ref $status;
    if ($html) {
        unlike $r->{headers}{'content-type'} // '', qr/json/, "$name: not the gateway's answer";
        next;
    }
    my $messages = @$headers || $path =~ /messages/ ? 1 : 0;
    ok $r->{json} && ref $r->{json}{error} eq 'HASH'
        && $messages == (($r->{json}{type} // '') eq 'error' ? 1 : 0), "$name: in the client's shape"
        or diag $r->{body};
}
{
    my $r = request(vhost => 'main', method => 'HEAD', path => '/api/hello');
    is $r->{body}, '', 'HEAD /api/hello has no body';
    $r = request(vhost => 'main', path => '/health');
    ok $r->{json}, 'health is JSON';
}

# The same below a prefix.
for my $path ('/ai/v1/messages', '/ai/v1/messages?beta=true') {
    upstream_reset();
    my $r = post('main', $path, messages_body('m'));
    is $r->{status}, 200, "$path: answered";
    my ($seen) = upstream_log();
    is $seen->{path}, $path =~ s{^/ai}{}r, "$path: without the prefix upstream";
}
is post('main', '/ai/v1/chat/completions', chat_body('m'))->{json}{object}, 'chat.completion', '/ai, Chat';

# Tokens are counted by a Claude channel, estimated without one.
{
    upstream_reset();
    my $body = { model => 'm', messages => [ { role => 'user', content => 'hello there' } ] };
    my $r = post('main', '/v1/messages/count_tokens?beta=true', $body, headers => \@anthropic);
    is $r->{status}, 200, 'count_tokens: asked';
    is $r->{json}{input_tokens}, 42, 'count_tokens: the upstream\'s number';
    my ($seen) = upstream_log();
    is $seen->{path}, '/v1/messages/count_tokens?beta=true', 'count_tokens: path and query';
    upstream_reset();
    $r = post('chat', '/v1/messages/count_tokens', $body, headers => \@anthropic);
    is $r->{status}, 200, 'count_tokens: estimated';
    cmp_ok $r->{json}{input_tokens}, '>', 0, 'count_tokens: a number';
    cmp_ok $r->{json}{input_tokens}, '<', 100, 'count_tokens: a likely one';
    ok +(grep { /estimat/i } %{ $r->{headers} }), 'count_tokens: said to be an estimate';
    is scalar(upstream_log()), 0, 'count_tokens: nobody was asked';
    $r = post('chat', '/v1/messages/count_tokens', '{', headers => \@anthropic);
    is $r->{status}, 400, 'count_tokens: bad JSON';
}

# One path, answers by client.
{
    my $r = request(vhost => 'models', path => '/v1/models', headers => \@anthropic);
    is $r->{status}, 200, 'models, Anthropic: 200';
    my @ids = map { $_->{id} } @{ $r->{json}{data} };
    ok +(grep { $_ eq 'claude-up-1' } @ids), 'models, Anthropic: the Claude channel\'s' or diag "@ids";
    ok +(grep { $_ eq 'gpt-up-1' } @ids), 'models, Anthropic: the other channel\'s' or diag "@ids";
    ok +(grep { $_ eq 'configured-model' } @ids), 'models, Anthropic: configured ones';
    is $r->{json}{data}[0]{type}, 'model', 'models, Anthropic: type';
    ok exists $r->{json}{has_more}, 'models, Anthropic: has_more';
    ok exists $r->{json}{data}[0]{display_name} && exists $r->{json}{data}[0]{created_at},
        'models, Anthropic: members';
    my %once;
    ok !(grep { $once{$_}++ } @ids), 'models: none twice';

    $r = request(vhost => 'models', path => '/v1/models');
    is $r->{json}{object}, 'list', 'models, OpenAI: object';
    is $r->{json}{data}[0]{object}, 'model', 'models, OpenAI: entries';
    ok defined $r->{json}{data}[0]{created} && defined $r->{json}{data}[0]{owned_by}, 'models, OpenAI: members';
    is_deeply [ sort map { $_->{id} } @{ $r->{json}{data} } ], [ sort @ids ], 'models, OpenAI: the same names';

    $r = request(vhost => 'models', path => '/v1/models', headers => [ 'x-goog-api-key' => 'k' ]);
    ok ref $r->{json}{models} eq 'ARRAY' && $r->{json}{models}[0]{name} =~ m{^models/}, 'models, Google'
        or diag $r->{body};

    $r = request(vhost => 'models', path => '/v1/models/configured-model', headers => \@anthropic);
    is $r->{json}{id}, 'configured-model', 'one model, Anthropic';
    is $r->{json}{type}, 'model', 'one model, Anthropic: type';
    $r = request(vhost => 'models', path => '/v1/models/configured-model');
    is $r->{json}{object}, 'model', 'one model, OpenAI';
}

# Channels by the models they serve.
for my $case ([ 'claude-x', '/v1/messages' ], [ 'gpt-x', '/v1/chat/completions' ], [ 'mine', '/v1/chat/completions' ]) {
    my ($model, $path) = @$case;
    upstream_reset();
    my $r = post('models', '/v1/messages', messages_body($model));
    my ($seen) = upstream_log();
    is $r->{status}, 200, "$model is served";
    is $seen && $seen->{path}, $path, "$model goes to its channel";
    is $seen->{model}, 'gpt-up-1', 'a mapped name goes up' if $model eq 'mine';
    is $r->{json}{model}, $model, "$model: the answer names it" if $path =~ /chat/;
}
is post('models', '/v1/messages', messages_body('nobodys-model'))->{status}, 404, 'a model nobody serves: 404';
done_testing;
