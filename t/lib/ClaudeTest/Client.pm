# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Client;

=head1 NAME

ClaudeTest::Client - HTTP/1.1 byte by byte, with times

=head1 RESULT

  status, reason
  headers     hash, names in lower case, repeated ones joined by ", "
  body        framing taken off
  complete    1 if the body ended as its framing says
  first, last seconds from the request to the first and last body byte
  head_at     seconds to the end of the head
  events      for an event stream: list of {event, data, json, at}
  json        the body as JSON, or undef

=cut

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use JSON::PP ();
use Time::HiRes qw(time);

# A connection to "host:port".
sub open_to {
    my ($class, $hostport) = @_;
    my $fh = IO::Socket::INET->new(PeerAddr => $hostport, Timeout => 5) or die "$hostport: $@\n";
    $fh->blocking(0);
    return bless { fh => $fh, in => '' }, $class;
}

sub send_bytes {
    my ($self, $bytes) = @_;
    my $until = time + 20;
    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        my $n = syswrite $self->{fh}, $bytes;
        if (defined $n) {
            substr $bytes, 0, $n, '';
            next;
        }
        return 0 if !$!{EAGAIN} || time > $until;
        IO::Select->new($self->{fh})->can_write(1);
    }
    return 1;
}

# Send a request: method, path, headers => [name, value, ...], body, chunked.
sub send_request {
    my ($self, %r) = @_;
    my @headers = @{ $r{headers} || [] };
    my %said = map { $_ % 2 ? () : (lc $headers[$_] => 1) } 0 .. $#headers;
    my $text = ($r{method} || 'GET') . " $r{path} HTTP/1.1\r\n";
    $text .= "Host: localhost\r\n" if !$said{host};
    for (my $i = 0; $i < @headers; $i += 2) {
        $text .= "$headers[$i]: $headers[$i + 1]\r\n";
    }
    if ($r{chunked}) {
        $text .= "Transfer-Encoding: chunked\r\n\r\n";
        $text .= sprintf "%x\r\n%s\r\n", length $_, $_ for unpack '(a1000)*', $r{body};
        $text .= "0\r\n\r\n";
    }
    else {
        $text .= 'Content-Length: ' . length($r{body}) . "\r\n" if defined $r{body} && !$said{'content-length'};
        $text .= "\r\n" . ($r{body} // '');
    }
    @$self{qw(began method)} = (time, $r{method} || 'GET');
    return $self->send_bytes($text);
}

# More bytes into {in}: 1, or 0 at the end of the connection, undef when time is up.
sub more {
    my ($self, $until) = @_;
    my $left = $until - time;
    return undef if $left <= 0 || !IO::Select->new($self->{fh})->can_read($left);
    my $n = sysread $self->{fh}, $self->{in}, 1 << 18, length $self->{in};
    return defined $n ? ($n ? 1 : 0) : $!{EAGAIN} ? 1 : 0;
}

# The answer. Options: timeout (20 s), raw (leave events unread), until => sub of the body so far: stop when true.
sub receive {
    my ($self, %options) = @_;
    my $until = time + ($options{timeout} || 20);
    my %r = (body => '', complete => 0, headers => {}, status => 0);
    my $at = sub { time - $self->{began} };
    HEAD: {
        while ($self->{in} !~ /\r\n\r\n/) {
            $self->more($until) or return \%r;
        }
        my ($head) = $self->{in} =~ s/^(.*?)\r\n\r\n//s ? $1 : '';
        my ($line, @lines) = split /\r\n/, $head;
        @r{qw(status reason)} = $line =~ m{^HTTP/1\.[01] (\d+) ?(.*)$};
        redo HEAD if $r{status} == 100;
        for (@lines) {
            my ($name, $value) = /^([^:]+):\s*(.*)$/ or next;
            my $slot = \$r{headers}{ lc $name };
            $$slot = defined $$slot ? "$$slot, $value" : $value;
        }
    }
    $r{head_at} = $at->();
    my @marks;
    my $took = sub {
        my ($bytes) = @_;
        return if $bytes eq '';
        $r{first} //= $at->();
        $r{body} .= $bytes;
        $r{last} = $at->();
        push @marks, [ length $r{body}, $r{last} ];
    };
    my $enough = sub { $options{until} && $options{until}->($r{body}) };
    if ($self->{method} eq 'HEAD' || $r{status} =~ /^(?:204|304)$/) {
        $r{complete} = 1;
    }
    elsif (($r{headers}{'transfer-encoding'} // '') =~ /chunked/i) {
        CHUNK: for (;;) {
            while ($self->{in} =~ /^([0-9a-fA-F]+)[^\r]*\r\n/) {
                my ($size, $skip) = (hex $1, $+[0]);
                last if length $self->{in} < $skip + $size + 2;
                $took->(substr $self->{in}, $skip, $size);
                substr $self->{in}, 0, $skip + $size + 2, '';
                if (!$size) {
                    $r{complete} = 1;
                    last CHUNK;
                }
            }
            last if $enough->() || !$self->more($until);
        }
    }
    else {
        my $length = $r{headers}{'content-length'};
        for (;;) {
            my $want = defined $length ? $length - length $r{body} : length $self->{in};
            $took->(substr $self->{in}, 0, $want, '');
            if (defined $length && length $r{body} >= $length) {
                $r{complete} = 1;
                last;
            }
            last if $enough->();
            my $more = $self->more($until);
            if (!$more) {
                $r{complete} = 1 if defined $more && !defined $length;
                last;
            }
        }
    }
    $r{closed} = ($r{headers}{connection} // '') =~ /close/i || !$r{complete};
    $r{json} = eval { JSON::PP::decode_json($r{body}) }
        if ($r{headers}{'content-type'} // '') =~ m{^application/json};
    $r{events} = events($r{body}, \@marks) if !$options{raw} && ($r{headers}{'content-type'} // '') =~ m{^text/event-stream};
    return \%r;
}

# Events of a stream; comments as {comment}; times by the marks [bytes, at].
sub events {
    my ($body, $marks) = @_;
    my (@events, $offset);
    while ($body =~ /\G(.*?)(?:\r?\n\r?\n|\z)/gs) {
        my $text = $1;
        last if $text eq '' && pos($body) >= length $body;
        my %event;
        for my $line (split /\r?\n/, $text) {
            if    ($line =~ /^event: ?(.*)$/) { $event{event} = $1 }
            elsif ($line =~ /^data: ?(.*)$/)  { $event{data} = defined $event{data} ? "$event{data}\n$1" : $1 }
            elsif ($line =~ /^: ?(.*)$/)      { $event{comment} = $1 }
        }
        $event{json} = eval { JSON::PP::decode_json($event{data}) } if defined $event{data};
        ($event{at}) = map { $_->[1] } grep { $_->[0] >= $+[1] } @{ $marks || [] };
        push @events, \%event if %event;
    }
    return \@events;
}

sub shut {
    my ($self) = @_;
    close $self->{fh};
    return;
}

1;
