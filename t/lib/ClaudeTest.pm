# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest;

=head1 NAME

ClaudeTest - what the server tests share

=cut

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Storable ();
use Time::HiRes qw(sleep time);

use Apache::Test qw(-withtestmore);
use Apache::TestConfig ();

use ClaudeTest::Client ();
use ClaudeTest::Run ();

our @EXPORT = qw(hostport request post upstream_log upstream_reset upstream_stats wait_for at_once
    messages_body chat_body header_of body_of expect_log claude_log encode decode
    log_lines top logs_dir stream_text server_pid children memory);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub encode { return $json->encode($_[0]) }
sub decode { return scalar eval { JSON::PP->new->utf8->allow_nonref->decode($_[0]) } }

sub top { return Apache::Test::config()->{vars}{top_dir} }
sub logs_dir { return Apache::Test::config()->{vars}{t_logs} }

# "host:port" of a vhost of the files t/conf/*.conf.in.
sub hostport {
    my ($vhost) = @_;
    my $config = Apache::Test::config()->{vhosts}{$vhost} or die "no vhost $vhost\n";
    return "127.0.0.1:$config->{port}";
}

# One request on a connection of its own. Arguments as Client's send_request()
# and receive(), and vhost.
sub request {
    my (%r) = @_;
    my $client = ClaudeTest::Client->open_to($r{hostport} || hostport($r{vhost}));
    $client->send_request(%r);
    my $answer = $client->receive(%r);
    $client->shut;
    return $answer;
}

# POST of a JSON body (a string goes as it is).
sub post {
    my ($vhost, $path, $body, %r) = @_;
    my @headers = ('Content-Type' => 'application/json', @{ delete $r{headers} || [] });
    return request(vhost => $vhost, method => 'POST', path => $path, headers => \@headers,
        body => ref $body ? encode($body) : $body, %r);
}

sub messages_body {
    my ($model, $text, %more) = @_;
    return { model => $model, max_tokens => 100,
        messages => [ { role => 'user', content => $text // 'hello' } ], %more };
}

sub chat_body {
    my ($model, $text, %more) = @_;
    return { model => $model, messages => [ { role => 'user', content => $text // 'hello' } ], %more };
}

sub control {
    my ($what) = @_;
    my $r = request(hostport => '127.0.0.1:' . ClaudeTest::Run::ports()->{upstream}, path => "/__$what",
        headers => [ Connection => 'close' ]);
    return $r->{json};
}

# What the upstream saw; a hash selects: script => NAME, model => NAME.
sub upstream_log {
    my (%like) = @_;
    my @log = @{ control('log') };
    for my $key (keys %like) {
        @log = grep { defined $_->{$key} && $_->{$key} eq $like{$key} } @log;
    }
    return @log;
}

sub upstream_reset { return control('reset') }
sub upstream_stats { return control('stats') }

sub header_of {
    my ($entry, $name) = @_;
    my @values = map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $entry->{headers} };
    return @values ? join ', ', @values : undef;
}

sub body_of { return decode_base64($_[0]{body}) }

# Wait until the sub gives something true; gives that, or nothing after `seconds`.
sub wait_for {
    my ($seconds, $sub) = @_;
    my $until = time + $seconds;
    for (;;) {
        my $value = $sub->();
        return $value if $value;
        return if time > $until;
        sleep 0.05;
    }
}

# What each of these gives (one plain value), run beside each other: for what takes its time. They make no checks.
sub at_once {
    my @subs = @_;
    my @running = map {
        my $sub = $_;
        pipe my $result, my $tell or die "pipe: $!\n";
        defined(my $pid = fork) or die "fork: $!\n";
        if (!$pid) {
            my $value = eval { $sub->() } // { body => $@ };
            binmode $tell;
            print {$tell} Storable::freeze([$value]);
            close $tell;
            POSIX::_exit(0);
        }
        close $tell;
        [ $pid, $result ];
    } @subs;
    return map {
        my ($pid, $result) = @$_;
        binmode $result;
        my $frozen = do { local $/; <$result> };
        waitpid $pid, 0;
        Storable::thaw($frozen)->[0];
    } @running;
}

# Text of a stream's events, of either protocol.
sub stream_text {
    my ($answer) = @_;
    my $text = '';
    for my $event (@{ $answer->{events} || [] }) {
        my $data = $event->{json} or next;
        next if ref $data ne 'HASH';
        $text .= $data->{delta}{text} // '' if ($data->{type} // '') eq 'content_block_delta';
        $text .= ($data->{choices}[0]{delta} || {})->{content} // '' if $data->{choices} && @{ $data->{choices} };
    }
    return $text;
}

sub server_pid {
    open my $fh, '<', logs_dir() . '/httpd.pid' or return;
    chomp(my $pid = <$fh> // '');
    return $pid;
}

sub children {
    my $parent = server_pid();
    open my $fh, '<', "/proc/$parent/task/$parent/children" or return;
    return split ' ', <$fh> // '';
}

# Private memory of the server's children together, or of some, in KB.
sub memory {
    my (@of) = @_;
    my $sum = 0;
    for my $child (@of ? @of : children()) {
        open my $fh, '<', "/proc/$child/smaps_rollup" or next;
        while (<$fh>) {
            $sum += $1 if /^Private_Dirty:\s+(\d+)/;
        }
    }
    return $sum;
}

# Announce lines of the error log that a test is going to cause.
sub expect_log {
    my (@patterns) = @_;
    open my $fh, '>>', logs_dir() . '/expected' or die "expected: $!\n";
    print {$fh} "$_\n" for @patterns;
    return close $fh;
}

# Entries of the JSON access log of requests with this X-Test header.
sub claude_log {
    my ($test) = @_;
    open my $fh, '<', logs_dir() . '/claude_log' or return;
    return grep { $_ && $_->{test} eq $test } map { decode($_) } <$fh>;
}

# Lines of the error log that fit.
sub log_lines {
    my ($pattern) = @_;
    open my $fh, '<', logs_dir() . '/error_log' or return;
    return grep { /$pattern/ } <$fh>;
}

1;
