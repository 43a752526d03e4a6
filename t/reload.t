#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# POST /api/config/reload: files of keys, and the overlay, read again by every child; what cannot be
# used changes nothing, and the answer says why.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Server;
use Digest::SHA qw(sha256_hex);
use Test::More;

my $at = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{upstream} . '/at';
$ENV{CLP_RELOAD_KEY} = 'planted-reload-env-0123456789';

# With `state` the children have something to follow.
sub conf {
    my ($dir, $state) = @_;
    return ClaudeTest::Server::modules(qw(authz_user)) . <<"END";
ServerLimit 4
StartServers 4
ThreadsPerChild 2
MaxRequestWorkers 8
MinSpareThreads 8
MaxSpareThreads 8
KeepAlive Off
$state
ClaudeProxy On
ClaudeRequireUser Off
<ClaudeChannel rotated>
    ChannelService claude
    ChannelURL $at/rotated
    ChannelKey planted-reload-literal-0123456789 file:keys/a.keys env:CLP_RELOAD_KEY
    ChannelKeyOrder rotate
    ChannelPriority 1
    ChannelBreaker Off
</ClaudeChannel>
<ClaudeChannel beside>
    ChannelService claude
    ChannelURL $at/beside
    ChannelKey file:keys/b.keys
    ChannelPriority 2
</ClaudeChannel>
<Location /admin>
    ClaudeProxy Off
    SetHandler claude-admin
</Location>
END
}

sub key { return "planted-reload-$_[0]-0123456789" }
sub id { return substr sha256_hex(key($_[0])), 0, 16 }

# Put keys into a file's place, as programs do that rotate them.
sub put {
    my ($dir, $name, @keys) = @_;
    ClaudeTest::Server::spill("$dir/keys/$name.new", join '', map { "$_\n" } @keys);
    chmod 0600, "$dir/keys/$name.new";
    return rename "$dir/keys/$name.new", "$dir/keys/$name.keys";
}

my $server = ClaudeTest::Server->new('reload', '');
my $dir = $server->dir;
mkdir "$dir/keys" or die "$dir/keys: $!\n";
put($dir, 'a', '# of the first account', key('one'), key('two'));
put($dir, 'b', key('beside'));
$server->configure(conf($dir, 'ClaudeStateDir state'));
$server->start or BAIL_OUT('no server');

sub reload {
    my ($path, @headers) = @_;
    return request(hostport => $server->hostport, method => 'POST', path => $path // '/admin/api/config/reload',
        headers => [ 'Content-Type' => 'application/json', @headers ], body => '{}');
}

sub file_of {
    my ($r, $name) = @_;
    my ($file) = grep { $_->{file} eq "$dir/keys/$name.keys" } @{ $r->{json}{keyFiles} };
    return $file;
}

# The keys that many requests on connections of their own use.
sub used {
    upstream_reset();
    request(hostport => $server->hostport, method => 'POST', path => '/v1/messages',
        headers => [ 'Content-Type' => 'application/json' ], body => encode(messages_body('m', 'go'))) for 1 .. 40;
    my %seen = map { (header_of($_, 'x-api-key') =~ /^planted-reload-(.*)-0123456789$/)[0] => 1 } upstream_log();
    return join ' ', sort keys %seen;
}

sub revision { return request(hostport => $server->hostport, path => '/admin/api/config')->{json}{revision} }

# Each child has said that it has this revision in force.
sub all_follow {
    my ($revision) = @_;
    return ok wait_for(5, sub {
        my %pid = map { $_ => 1 } $server->error_log =~ /\[pid (\d+)[^\n]*CLP2400: channels of revision $revision are/g;
        return 4 == grep { $pid{$_} } $server->children;
    }), "all children have revision $revision";
}

is used(), 'env literal one two', 'keys as the configuration read them';
my $r = reload();
is $r->{status}, 200, 'nothing has changed' or diag $r->{body};
is_deeply $r->{json}{channels}, { added => [], removed => [], changed => {} }, '... so no channel is another';
is_deeply [ map { $_->{status} } @{ $r->{json}{keyFiles} } ], [qw(unchanged unchanged)], '... nor a file';
is_deeply $r->{json}{onlyAtRestart}, ['env:CLP_RELOAD_KEY'], '... and what would need a restart is told';
is "$r->{json}{revisionBefore} $r->{json}{revision} $r->{headers}{etag}", '0 1 "1"', '... with revisions';

# --- rotated --------------------------------------------------------------------------
all_follow(1);    # who comes late reads the files as they are then
put($dir, 'a', key('two'), key('three'));
is used(), 'env literal one two', 'a new file counts when it is asked for';
$r = reload('/admin/config/reload');
is $r->{status}, 200, 'asked for' or diag $r->{body};
is_deeply file_of($r, 'a'), { file => "$dir/keys/a.keys", channels => ['rotated'], status => 'changed', added => [ id('three') ],
    removed => [ id('one') ] }, 'ids of keys that came and went';
is file_of($r, 'b')->{status}, 'unchanged', 'the other file';
is_deeply $r->{json}{channels}{changed}, { rotated => ['apiKeys'] }, 'the channel has other keys';
all_follow(2);
is used(), 'env literal three two', 'every child uses the new keys, and the old one no more';
my $c = request(hostport => $server->hostport, path => '/admin/api/channels/rotated')->{json};
is_deeply [ map { $_->{id} } @{ $c->{apiKeys} } ], [ id('literal'), id('two'), id('three'), id('env') ], 'at the place of the old ones';
is_deeply [ map { $_->{origin} } @{ $c->{apiKeys} } ], [ ('configuration') x 4 ], 'and still the configuration\'s';

# With something laid over the channel.
$r = request(hostport => $server->hostport, method => 'PATCH', path => '/admin/api/channels/rotated',
    headers => [ 'Content-Type' => 'application/json' ], body => encode({ apiKeys => [ { id => id('three') }, { id => id('two') }, key('four') ] }));
is $r->{status}, 200, 'keys in another order, some left out, and one added' or diag $r->{body};
put($dir, 'a', key('four'), key('three'), key('five'));
$r = reload();
is_deeply file_of($r, 'a')->{added}, [ id('four'), id('five') ], 'a file that has got the added key';
all_follow(4);
is used(), 'five four three', 'what was left out stays out, what is new in the file is used';

# --- what cannot be used ------------------------------------------------------------------
my @broken = (
    [ 'an empty file', sub { put($dir, 'a') }, 'broken', qr/holds no key/ ],
    [ 'a key that the channel has', sub { put($dir, 'a', key('literal')) }, 'broken', qr/are the same/ ],
    [ 'a key with a blank', sub { put($dir, 'a', 'planted-reload blank') }, 'broken', qr/holds a blank/ ],
    [ 'a file for everyone', sub { put($dir, 'a', key('open')); chmod 0644, "$dir/keys/a.keys" }, 'broken', qr/read by everyone/ ],
    [ 'a file that is gone', sub { unlink "$dir/keys/a.keys" }, 'broken', qr/No such file/ ],
    [ 'a file for another user', sub { put($dir, 'a', key('locked')); chmod 0000, "$dir/keys/a.keys" }, 'unreadable', qr/Permission denied/ ],
);
my $revision = revision();
for my $one (@broken) {
    my ($what, $make, $status, $error) = @$one;
    $make->();
    $r = reload();
    is $r->{status}, 200, "$what: 200" or diag $r->{body};
    my $file = file_of($r, 'a');
    is $file->{status}, $status, "... it is $status";
    like $file->{error}, $error, '... and why';
    is_deeply [ @$file{qw(added removed)} ], [ [], [] ], '... no key came or went';
    like $r->{json}{message}, qr/cannot be used, whose keys stay: 1$/, '... as the message says';
    $revision++;
}
all_follow($revision);
is used(), 'five four three', 'the keys before are in force';
like $server->error_log, qr/CLP2412: ChannelKey: the file \S+ holds no key; the keys before it stay in force\n/, 'the log tells';
like $server->error_log, qr/CLP2412: .*Permission denied; .*graceful restart/, '... and what helps';
chmod 0600, "$dir/keys/a.keys";
$r = reload();
is_deeply [ @{ file_of($r, 'a') }{qw(status added)} ], [ 'changed', [ id('locked') ] ], 'one that may be read again is read';
all_follow(++$revision);
is used(), 'four locked', 'and used, beside the added one';

# --- a child that comes later, and a restart ---------------------------------------------------
{
    my ($one) = $server->children;
    kill KILL => $one;
    ok wait_for(10, sub { my @now = $server->children; @now == 4 && !grep { $_ == $one } @now }), 'another child in place of a killed one';
    all_follow($revision);
    is used(), 'four locked', 'has the same keys';
    my %old = map { $_ => 1 } $server->children;
    kill USR1 => $server->pid;
    ok wait_for(20, sub { my @now = $server->children; @now && !grep { $old{$_} } @now }), 'a graceful restart';
    is used(), 'four locked', 'keeps them';
}

# --- the overlay -----------------------------------------------------------------------------------
my $overlay = "$dir/state/channels.json";
sub put_overlay {
    my ($document) = @_;
    ClaudeTest::Server::spill("$overlay.new", ref $document ? encode($document) : $document);
    chmod 0600, "$overlay.new";
    return rename "$overlay.new", $overlay;
}
my $document = decode(do { local $/; open my $fh, '<', $overlay or die "$overlay: $!\n"; <$fh> });
my $good = encode($document);
$document->{channels}{beside}{priority} = 'low';
put_overlay($document);
$r = reload();
is $r->{status}, 409, 'an overlay with a mistake';
is $r->{json}{error}{path}, 'channels.beside.priority', '... at this path';
is revision(), $revision, '... and what was in force stays';
put_overlay(substr $good, 0, 50);
is reload()->{status}, 409, 'half an overlay';
$document->{channels}{beside} = { priority => 7, headers => { 'X-Planted' => key('field') } };
$document->{channels}{new} = { serviceType => 'claude', baseUrls => ["$at/new"], apiKeys => [ key('new') ], status => 'disabled' };
$document->{revision} = $revision += 10;
put_overlay($document);
ok wait_for(5, sub { revision() == $revision }), 'one renamed into place is picked up by itself';
$document->{channels}{beside} = { headers => { 'X-Planted' => key('other-field') } };
delete $document->{channels}{new};
put_overlay($document);
$r = reload();
is $r->{status}, 200, 'the next one, asked for at once' or diag $r->{body};
# A child may have looked at it in the moment between.
if (@{ $r->{json}{channels}{removed} }) {
    is_deeply $r->{json}{channels}, { added => [], removed => ['new'], changed => { beside => [qw(priority headers)] } },
        'what is other now';
}
is reload(undef, 'If-Match' => '"1"')->{status}, 412, 'a reload for another revision';

# --- without a state directory ------------------------------------------------------------------------
$server->stop;
$server->configure(conf($dir, ''));
$server->start or BAIL_OUT('no server');
$r = reload();
is $r->{status}, 409, 'without a state directory';
like $r->{json}{error}{message}, qr/no ClaudeStateDir.*graceful restart/, '... it is said what helps';

unlike $server->error_log, qr/planted-reload-/, 'no key in the log';
done_testing;
