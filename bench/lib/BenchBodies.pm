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

sub tools {
    my ($protocol) = @_;
    return [
        map {
            my $about = prose(700, $_);
            my $name = sprintf 'Tool%02d', $_;
            $protocol eq 'chat'
                ? { type => 'function',
                    function => { name => $name, description => $about, parameters => schema($_) } }
                : { name => $name, description => $about, input_schema => schema($_) }
        } 1 .. 30
    ];
}

# The turns of one tool call, as JSON text with @N@ where its number belongs.
sub step {
    my ($protocol, $size, $seed) = @_;
    my $input = { path => '/src/file@N@.c', limit => 200, mode => 'read' };
    my $said = prose(300, $seed);
    my $result = prose($size, $seed + 1);
    my @turns;

    if ($protocol eq 'chat') {
        @turns = (
            { role => 'assistant', content => $said,
              tool_calls => [{ id => 'call_@N@', type => 'function',
                      function => { name => 'Tool01', arguments => $json->encode($input) } }] },
            { role => 'tool', tool_call_id => 'call_@N@', content => $result },
        );
    }
    else {
        @turns = (
            { role => 'assistant', content => [
                    { type => 'text', text => $said },
                    { type => 'tool_use', id => 'toolu_@N@', name => 'Tool01', input => $input },
                ] },
            { role => 'user', content => [
                    { type => 'tool_result', tool_use_id => 'toolu_@N@',
                      content => [{ type => 'text', text => $result }] },
                ] },
        );
    }
    return join ',', map { $json->encode($_) } @turns;
}

sub bytes {
    my ($text) = @_;
    utf8::encode($text);
    return $text;
}

# A prompt of about 1 KB.
sub small {
    my ($protocol, $model, $stream) = @_;
    my %body = (
        model => $model,
        messages => [{ role => 'user', content => prose(900, 3) }],
        ($stream ? (stream => JSON::PP::true) : ()),
        $protocol eq 'chat' ? (max_completion_tokens => 1024) : (max_tokens => 1024),
    );
    return bytes($json->encode(\%body));
}

# 30 tools, a system prompt, and as many steps of tool use as fill `size` bytes.
sub agent {
    my ($protocol, $model, $size) = @_;
    my $system = prose(12 * 1024, 11);
    my %body = (
        model => $model,
        tools => tools($protocol),
        $protocol eq 'chat' ? (max_completion_tokens => 32000) : (max_tokens => 32000),
        messages => '@MESSAGES@',
    );
    my @first = ({ role => 'user', content => prose(2000, 13) });
    if ($protocol eq 'chat') {
        unshift @first, { role => 'system', content => $system };
    }
    else {
        $body{system} = [{ type => 'text', text => $system, cache_control => { type => 'ephemeral' } }];
    }
    my $frame = bytes($json->encode(\%body));
    my @steps = map { bytes(step($protocol, $_ * 1000, $_)) } 1 .. 8;
    my @messages = map { bytes($json->encode($_)) } @first;
    my $length = length($frame) + length "@messages";
    for (my $n = 1; $length < $size; $n++) {
        my $step = $steps[$n % @steps];
        $step =~ s/\@N\@/$n/g;
        push @messages, $step;
        $length += 1 + length $step;
    }
    my $messages = '[' . join(',', @messages) . ']';
    $frame =~ s/"\@MESSAGES\@"/$messages/;
    return $frame;
}

1;
