#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Who is let in: own keys in every place clients put them, and other modules' users.
use strict;
use warnings;

use ClaudeTest;
use MIME::Base64 qw(encode_base64);
use Test::More;
use Time::HiRes qw(sleep);

upstream_reset();
my $basic = encode_base64('carol:carol-pass', '');
my $wrong_basic = encode_base64('carol:wrong', '');

# location, headers, status, name
my @cases = (
    [ '/keys',  [ 'X-Api-Key' => 'alice-key' ],               200, 'x-api-key' ],
    [ '/keys',  [ 'Authorization' => 'Bearer alice-key' ],    200, 'Bearer' ],
    [ '/keys',  [ 'Authorization' => 'bearer alice-key' ],    200, 'bearer, lower case' ],
    [ '/keys',  [ 'X-Goog-Api-Key' => 'alice-key' ],          200, 'x-goog-api-key' ],
    [ '/keys',  [ 'X-Api-Key' => 'bob-key' ],                 200, 'a key known by its hash' ],
    [ '/keys',  [],                                           401, 'no key' ],
    [ '/keys',  [ 'X-Api-Key' => '' ],                        401, 'an empty key' ],
    [ '/keys',  [ 'X-Api-Key' => 'alice-key2' ],              401, 'a longer key' ],
    [ '/keys',  [ 'X-Api-Key' => 'alice-ke' ],                401, 'a shorter key' ],
    [ '/keys',  [ 'Authorization' => "Basic $basic" ],        401, 'Basic where keys are wanted' ],
    [ '/keys?key=alice-key', [],                              401, 'a key in the query, not allowed' ],
    [ '/query?key=alice-key', [],                             200, 'a key in the query, allowed' ],
    [ '/query?key=wrong', [],                                 401, 'a wrong key in the query' ],
    [ '/alice', [ 'X-Api-Key' => 'alice-key' ],               200, 'the user that is required' ],
    [ '/alice', [ 'X-Api-Key' => 'bob-key' ],                 [ 401, 403 ], 'another user' ],
    [ '/basic', [ 'Authorization' => "Basic $basic" ],        200, 'Basic' ],
    [ '/basic', [ 'Authorization' => "Basic $wrong_basic" ],  401, 'Basic, wrong' ],
    [ '/basic', [ 'X-Api-Key' => 'alice-key' ],               401, 'a key where Basic is wanted' ],
    [ '/nokeys', [ 'X-Api-Key' => 'alice-key' ],              401, 'no key configured is closed' ],
    [ '/noauth', [],                                          401, 'no authentication configured is closed' ],
    [ '/noauth', [ 'X-Api-Key' => 'alice-key' ],              401, 'and a key does not open it' ],
    [ '/anybody', [],                                         200, 'open when said so' ],
    [ '/denied', [ 'X-Api-Key' => 'alice-key' ],              403, 'denied to all' ],
);
expect_log(qw(CLP2010 AH01617 AH01618 AH01630 AH01631 AH01797));

my %path = (messages => '/v1/messages', chat => '/v1/chat/completions');
for my $case (@cases) {
    my ($place, $headers, $status, $name) = @$case;
    my %status = map { $_ => 1 } ref $status ? @$status : $status;
    for my $dialect (qw(messages chat)) {
        my ($prefix, $query) = $place =~ /^([^?]+)(\?.*)?$/;
        my $before = () = upstream_log();
        my $r = post('auth', $prefix . $path{$dialect} . ($query // ''), messages_body('m'), headers => $headers);
        ok $status{ $r->{status} }, "$dialect, $place, $name: " . join '/', keys %status or diag "$r->{status} $r->{body}";
        my $after = () = upstream_log();
        if ($r->{status} == 200) {
            is $after, $before + 1, "$dialect, $place, $name: the upstream was asked";
            next;
        }
        is $after, $before, "$dialect, $place, $name: the upstream was not asked";
        like $r->{headers}{'content-type'}, qr{^application/json}, "$dialect, $place, $name: JSON";
        is $r->{json}{error}{type}, $dialect eq 'chat' ? 'invalid_request_error'
            : $r->{status} == 401 ? 'authentication_error' : 'permission_error', "$dialect, $place, $name: type";
        ok $r->{headers}{'www-authenticate'}, "$dialect, $place, $name: WWW-Authenticate" if $r->{status} == 401;
        unlike $r->{body}, qr/alice-key|bob-key|wrong/, "$dialect, $place, $name: no key in it";
    }
}

# The key does not travel on in the query.
{
    upstream_reset();
    post('auth', '/query/v1/messages?beta=true&key=alice-key', messages_body('m'));
    my ($seen) = upstream_log();
    unlike $seen->{path}, qr/alice-key/, 'the key in the query stays here';
}

# What is open to all without a key.
for my $path (qw(/keys/health /keys/api/hello)) {
    is request(vhost => 'auth', path => $path)->{status}, 200, "$path needs no key";
}
is request(vhost => 'auth', path => '/keys/v1/models')->{status}, 401, 'the list of models does';

# Keys in a file, read again when it changes.
sub keys_file {
    my ($text) = @_;
    my $file = logs_dir() . '/keys';
    open my $fh, '>', "$file.new" or die "$file: $!\n";
    chmod 0600, "$file.new";
    print {$fh} $text;
    close $fh;
    return rename "$file.new", $file;
}
sub status_of {
    my ($key) = @_;
    return post('auth', '/file/v1/messages', messages_body('m'), headers => [ 'X-Api-Key' => $key ])->{status};
}
use Digest::SHA qw(sha256_hex);
keys_file("# people\n\ndora sha256:" . sha256_hex('dora-key') . "  # comment\nerik erik-key\n");
ok wait_for(5, sub { status_of('dora-key') == 200 }), 'file: a key by hash';
is status_of('erik-key'), 200, 'file: a plain key';
is status_of('nobody-key'), 401, 'file: no other';
keys_file("dora sha256:" . sha256_hex('dora-new') . "\n");
ok wait_for(5, sub { status_of('dora-new') == 200 }), 'file: a change is seen';
sleep 1.5;    # each child looks once a second; as many requests as reach every child
is_deeply [ map { status_of('dora-key') } 1 .. 40 ], [ (401) x 40 ], 'file: by every child';
is status_of('erik-key'), 401, 'file: who was taken out stays out';
expect_log('logs/keys');
keys_file("this is not a line of the format at all\n");
sleep 2.5;
# A child that had no request in between has the keys before those.
ok scalar(grep { status_of('dora-new') == 200 } 1 .. 20), 'file: a broken file leaves the old keys in force';
keys_file("dora dora-last\n");
ok wait_for(5, sub { status_of('dora-last') == 200 }), 'file: mended';
done_testing;
