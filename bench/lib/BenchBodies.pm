# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package BenchBodies;

# Request bodies as agents send them: the same bytes in every run.

use strict;
use warnings;

use JSON::PP ();

my $json = JSON::PP->new->canonical->utf8(0);

# Text like that of prompts and files: line ends, quotes, some letters beyond ASCII.
sub prose {
    my ($n, $seed) = @_;
    my @words = (
        qw(the function returns value pool request that must not be freed before answer stream),
        'when', 'naïve', "line\n", '"quoted"', 'C:\\path', "\tindented", 'straße', '{ "a": [1, 2] }',
    );
    my $text = '';
    my $state = $seed;
    while (length $text < $n) {
        $state = ($state * 1103515245 + 12345) % 2147483648;
        $text .= $words[ ($state >> 16) % @words ] . ' ';
    }
    return substr $text, 0, $n;
}

sub schema {
    my ($i) = @_;
    return {
        '$schema' => 'https://json-schema.org/draft/2020-12/schema',
        type => 'object',
        additionalProperties => JSON::PP::false,
        required => ['path'],
        properties => {
            path => { type => 'string', description => prose(200, $i) },
            limit => { type => 'integer', minimum => 1, maximum => 2000, default => 100 + $i },
            mode => { type => 'string', enum => [qw(read write append)] },
            edits => {
                type => 'array',
                items => {
                    type => 'object',
                    properties => {
                        old => { type => 'string', description => prose(120, $i + 7) },
                        new => { type => 'string' },
                    },
                },
            },
        },
    };
}

# How each protocol spells a tool.
my %tool = (
    messages => sub { my ($name, $about, $schema) = @_; return { name => $name, description => $about, input_schema => $schema } },
    chat => sub { return { type => 'function', function => function_of(@_) } },
    chat_legacy => \&function_of,
    responses => sub { return { type => 'function', strict => JSON::PP::false, %{ function_of(@_) } } },
    gemini => sub {
        my ($name, $about, $schema) = @_;
        return { name => $name, description => $about, parametersJsonSchema => $schema };
    },
);

sub function_of {
    my ($name, $about, $schema) = @_;
    return { name => $name, description => $about, parameters => $schema };
}

sub tools {
    my ($protocol) = @_;
    return [ map { $tool{$protocol}->(sprintf('Tool%02d', $_), prose(700, $_), schema($_)) } 1 .. 30 ];
}

# The turns of one call, said before it, its input and its result.
my %call = (
    messages => sub {
        my ($said, $input, $result) = @_;
        return (
            { role => 'assistant', content => [
                    { type => 'text', text => $said },
                    { type => 'tool_use', id => 'toolu_@N@', name => 'Tool01', input => $input },
                ] },
            { role => 'user', content => [
                    { type => 'tool_result', tool_use_id => 'toolu_@N@',
                      content => [{ type => 'text', text => $result }] },
                ] },
        );
    },
    chat => sub {
        my ($said, $input, $result) = @_;
        return (
            { role => 'assistant', content => $said,
              tool_calls => [{ id => 'call_@N@', type => 'function',
                      function => { name => 'Tool01', arguments => $json->encode($input) } }] },
            { role => 'tool', tool_call_id => 'call_@N@', content => $result },
        );
    },
    chat_legacy => sub {
        my ($said, $input, $result) = @_;
        return (
            { role => 'assistant', content => $said,
              function_call => { name => 'Tool01', arguments => $json->encode($input) } },
            { role => 'function', name => 'Tool01', content => $result },
        );
    },
    responses => sub {
        my ($said, $input, $result) = @_;
        return (
            { type => 'message', role => 'assistant', content => [{ type => 'output_text', text => $said }] },
            { type => 'function_call', call_id => 'call_@N@', name => 'Tool01', arguments => $json->encode($input) },
            { type => 'function_call_output', call_id => 'call_@N@', output => $result },
        );
    },
    gemini => sub {
        my ($said, $input, $result) = @_;
        return (
            { role => 'model', parts => [
                    { text => $said },
                    { functionCall => { id => 'call_@N@', name => 'Tool01', args => $input } },
                ] },
            { role => 'user', parts => [
                    { functionResponse => { id => 'call_@N@', name => 'Tool01', response => { output => $result } } },
                ] },
        );
    },
);

# The turns of one tool call, as JSON text with @N@ where its number belongs.
sub step {
    my ($protocol, $size, $seed) = @_;
    my $input = { path => '/src/file@N@.c', limit => 200, mode => 'read' };
    return join ',', map { $json->encode($_) } $call{$protocol}->(prose(300, $seed), $input, prose($size, $seed + 1));
}

# A user's turn.
sub ask {
    my ($protocol, $text) = @_;
    return { role => 'user', parts => [ { text => $text } ] } if $protocol eq 'gemini';
    return { type => 'message', role => 'user', content => [ { type => 'input_text', text => $text } ] }
        if $protocol eq 'responses';
    return { role => 'user', content => $text };
}

# All but the turns, which go where @MESSAGES@ stands. Gemini has the model in the path.
sub frame {
    my ($protocol, $model, $cap) = @_;
    my $turns = '@MESSAGES@';
    return { contents => $turns, generationConfig => { maxOutputTokens => $cap } } if $protocol eq 'gemini';
    return { model => $model, input => $turns, max_output_tokens => $cap, store => JSON::PP::false }
        if $protocol eq 'responses';
    return { model => $model, messages => $turns,
        ($protocol eq 'chat' ? 'max_completion_tokens' : 'max_tokens') => $cap };
}

sub bytes {
    my ($text) = @_;
    utf8::encode($text);
    return $text;
}

sub joined {
    my ($frame, @turns) = @_;
    my $turns = '[' . join(',', @turns) . ']';
    $frame =~ s/"\@MESSAGES\@"/$turns/;
    return $frame;
}

# A prompt of about 1 KB.
sub small {
    my ($protocol, $model, $stream) = @_;
    my $body = frame($protocol, $model, 1024);
    $body->{stream} = JSON::PP::true if $stream && $protocol ne 'gemini';
    return joined(bytes($json->encode($body)), bytes($json->encode(ask($protocol, prose(900, 3)))));
}

# 30 tools, a system prompt, and as many steps of tool use as fill `size` bytes.
sub agent {
    my ($protocol, $model, $size) = @_;
    my $system = prose(12 * 1024, 11);
    my $body = frame($protocol, $model, 32000);
    my @first = (ask($protocol, prose(2000, 13)));
    my $tools = tools($protocol);

    if ($protocol =~ /^chat/) {
        unshift @first, { role => 'system', content => $system };
    }
    elsif ($protocol eq 'messages') {
        $body->{system} = [{ type => 'text', text => $system, cache_control => { type => 'ephemeral' } }];
    }
    elsif ($protocol eq 'responses') {
        $body->{instructions} = $system;
    }
    else {
        $body->{systemInstruction} = { parts => [ { text => $system } ] };
    }
    $body->{ $protocol eq 'chat_legacy' ? 'functions' : 'tools' } =
        $protocol eq 'gemini' ? [ { functionDeclarations => $tools } ] : $tools;
    my $frame = bytes($json->encode($body));
    my @steps = map { bytes(step($protocol, $_ * 1000, $_)) } 1 .. 8;
    my @messages = map { bytes($json->encode($_)) } @first;
    my $length = length($frame) + length "@messages";
    for (my $n = 1; $length < $size; $n++) {
        my $step = $steps[$n % @steps];
        $step =~ s/\@N\@/$n/g;
        push @messages, $step;
        $length += 1 + length $step;
    }
    return joined($frame, @messages);
}

1;
