#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Bad requests: a 4xx in the client's protocol that names the place, and no
# upstream is asked.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

my $deep = '[' x 40 . ']' x 40;
my $user = '"messages":[{"role":"user","content":"x"}]';

# name, protocol, body, status, what the message or param must say, headers
my @cases = (
    [ 'no JSON',            both => 'hello',                                       400, qr/JSON/ ],
    [ 'empty',              both => '',                                            400, qr/./ ],
    [ 'cut off',            both => '{"model":"m","messages":[',                   400, qr/JSON/ ],
    [ 'more behind it',     both => "{\"model\":\"m\",\"max_tokens\":5,$user}x",   400, qr/JSON/ ],
    [ 'a list',             both => '[]',                                          400, qr/object/ ],
    [ 'a comma too many',   both => "{\"model\":\"m\",\"max_tokens\":5,$user,}",   400, qr/JSON/ ],
    [ 'single quotes',      both => "{'model':'m'}",                               400, qr/JSON/ ],
    [ 'bad UTF-8',          both => "{\"model\":\"m\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}", 400, qr/UTF-8/ ],
    [ 'raw control character', both => "{\"model\":\"m\x01\",\"max_tokens\":5,$user}", 400, qr/./ ],
    [ 'NaN',                both => "{\"model\":\"m\",\"max_tokens\":NaN,$user}",  400, qr/JSON/ ],
    [ 'a number with a zero', both => "{\"model\":\"m\",\"max_tokens\":05,$user}", 400, qr/JSON/ ],
    [ 'too deep',           both => "{\"model\":\"m\",\"max_tokens\":5,$user,\"x\":$deep}", 400, qr/deep|nest/i ],
    [ 'no model',           both => "{\"max_tokens\":5,$user}",                    400, qr/model/ ],
    [ 'model a number',     both => "{\"model\":1,\"max_tokens\":5,$user}",        400, qr/model/ ],
    [ 'two models',         both => "{\"model\":\"a\",\"model\":\"b\",\"max_tokens\":5,$user}", 400, qr/model/ ],
    [ 'two lists of messages', both => "{\"model\":\"a\",\"max_tokens\":5,$user,$user}", 400, qr/messages/ ],
    [ 'stream a word',      both => "{\"model\":\"m\",\"stream\":\"yes\",\"max_tokens\":5,$user}", 400, qr/stream/ ],
    [ 'too large',          both => '{"model":"m","x":"' . 'y' x 30_000 . '"}',    413, qr/20480|large/ ],
    [ 'unknown coding',     both => "{\"model\":\"m\",\"max_tokens\":5,$user}",    415, qr/./, 'Content-Encoding' => 'br' ],
    [ 'not really gzip',    both => "{\"model\":\"m\",\"max_tokens\":5,$user}",    400, qr/./, 'Content-Encoding' => 'gzip' ],
    [ 'no messages',        crossed => '{"model":"m","max_tokens":5}',             400, qr/messages/ ],
    [ 'messages an object', crossed => '{"model":"m","max_tokens":5,"messages":{}}', 400, qr/messages/ ],
    [ 'a message a string', crossed => '{"model":"m","max_tokens":5,"messages":["x"]}', 400, qr/messages[.\[]0/ ],
    [ 'unknown role',       crossed => '{"model":"m","max_tokens":5,"messages":[{"role":"nobody","content":"x"}]}', 400, qr/messages[.\[]0/ ],
    [ 'content a number',   crossed => '{"model":"m","max_tokens":5,"messages":[{"role":"user","content":5}]}', 400, qr/messages[.\[]0/ ],
    [ 'tools a string',     crossed => "{\"model\":\"m\",\"max_tokens\":5,$user,\"tools\":\"x\"}", 400, qr/tools/ ],
    [ 'cap a string',       crossed => "{\"model\":\"m\",\"max_tokens\":\"5\",$user}", 400, qr/max_tokens/ ],
);

upstream_reset();
my %path = (messages => '/limits/v1/messages', chat => '/limits/v1/chat/completions');
for my $case (@cases) {
    my ($name, $where, $body, $status, $says, @headers) = @$case;
    for my $dialect (qw(messages chat)) {
        for my $vhost (qw(main chat)) {
            next if $where eq 'crossed' && ($vhost eq 'main') == ($dialect eq 'messages');
            my $r = post($vhost, $path{$dialect}, $body, headers => \@headers);
            my $what = "$name: $dialect client, $vhost upstream";
            is $r->{status}, $status, "$what: $status" or diag $r->{body};
            my $error = ref $r->{json} eq 'HASH' ? $r->{json}{error} : undef;
            ok ref $error eq 'HASH' && ($dialect eq 'messages') == (($r->{json}{type} // '') eq 'error'),
                "$what: in the client's shape" or diag $r->{body};
            like join(' ', $error->{message} // '', $error->{param} // ''), $says, "$what: says where";
        }
    }
}
is scalar(upstream_log()), 0, 'no upstream was asked';

# After all that the server answers as ever.
is post('main', '/v1/messages', messages_body('m'))->{status}, 200, 'a good request is answered';
done_testing;
