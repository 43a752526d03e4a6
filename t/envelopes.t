#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Whose envelopes a server opens: reasoning state that clients send back after a
# restart, and to another host. What is in them is tested in t/unit/test_envelope.c.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Host qw(host_dir host_start program_stop slurp spill);
use File::Copy ();
use Test::More;

my $dir = host_dir();
my $upstream = ClaudeTest::Run::ports()->{upstream};

sub host {
    my ($name, @lines) = @_;
    return host_start($name, @lines, '<ClaudeChannel c>', 'ChannelService claude', "ChannelURL http://127.0.0.1:$upstream",
        'ChannelKey k', '</ClaudeChannel>', 'ClaudeProxy On', 'ClaudeRequireUser Off') || BAIL_OUT('no server');
}

sub ask {
    my ($at, @items) = @_;
    upstream_reset();
    my $r = request(hostport => $at, method => 'POST', path => '/v1/responses',
        headers => [ 'Content-Type' => 'application/json' ], body => encode({ model => 'claude-sonnet-4-5',
            reasoning => { effort => 'high' }, store => JSON::PP::false(), input => \@items }));
    is $r->{status}, 200, 'answered' or diag $r->{body};
    return $r->{json}{output};
}

# Does the host give the state back to Claude?
sub opens {
    my ($at, $output) = @_;
    ask($at, { role => 'user', content => 'think' }, @$output, { role => 'user', content => 'go on' });
    return body_of((upstream_log())[0]) =~ /"signature":"c2lnbmF0dXJlLW9mLXVwc3RyZWFt"/ ? 1 : 0;
}

# A state directory of its own, in which the server, whoever it runs as, may write.
sub state_dir {
    my ($name) = @_;
    mkdir "$dir/$name" or die "$dir/$name: $!\n";
    return "$dir/$name";
}

my $state = state_dir('state');
my $one = host('one', "ClaudeStateDir $state");
my $output = ask($one, { role => 'user', content => 'think' });
like $output->[0]{encrypted_content}, qr/^R1dSM/, 'an envelope';
ok opens($one, $output), 'opened where it was sealed';
is +(stat "$state/envelope.key")[7], 32, 'the key is in the state directory';
is +(stat "$state/envelope.key")[2] & 0777, 0600, 'and nobody else can read it';
program_stop('one');
$one = host('one', "ClaudeStateDir $state");
ok opens($one, $output), 'opened after a new start';

my $copy = state_dir('copy');
File::Copy::copy("$state/envelope.key", "$copy/envelope.key") or die "copy: $!\n";
ok opens(host('two', "ClaudeStateDir $copy"), $output), 'opened by a host with the same key';
ok !opens(host('three', 'ClaudeStateDir ' . state_dir('own')), $output), 'foreign to a host with another key';
ok !opens(host('four'), $output), 'and to one without a state directory';

my $broken = state_dir('broken');
spill("$broken/envelope.key", 'short');
my $five = host('five', "ClaudeStateDir $broken");
like slurp("$dir/five/error_log"), qr/CLP2120: \Q$broken\E\/envelope\.key cannot be read or made/, 'a broken key is told of';
my $made = ask($five, { role => 'user', content => 'think' });
ok opens($five, $made), 'and another one made up, which holds as long as the server runs';
is slurp("$broken/envelope.key"), 'short', 'the broken one is not replaced';

done_testing;
