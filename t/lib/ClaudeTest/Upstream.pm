# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Upstream;

=head1 NAME

ClaudeTest::Upstream - a scripted LLM provider: one process, one select loop

=head1 WHAT IT SERVES

POST /v1/messages, /v1/messages/count_tokens, /v1/chat/completions, /v1/responses,
/v1/responses/input_tokens and GET /v1/models, and what Gemini has below /v1beta/models, behind any prefix; the script comes
from /use/NAME in the path or
from a model called "script:NAME" (see ClaudeTest::Script), else the answer is
a plausible one.

  GET /__log      JSON list of the requests seen, in order
  GET /__stats    counts: requests, open, aborted
  GET /__reset    forget all of it, and where each script stood

A log entry has: n, time, method, path, headers (list of pairs), body (base64,
up to 1 MB), body_bytes, body_sha256, script, status, sent_bytes and
sent_sha256 (of the answer's body, framing taken off), connection (number),
done (time) or aborted (time, with phase: "waiting" before the status line,
"streaming" after it).

A second port takes connections in the kernel and never answers: connecting to
it times out.

=cut

use strict;
use warnings;

use Digest::SHA ();
use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Socket::INET ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Socket qw(IPPROTO_TCP SOL_SOCKET SO_LINGER TCP_NODELAY);
use Time::HiRes qw(time);

use ClaudeTest::Answer ();
use ClaudeTest::Script ();

use constant {
    LOGGED_BODY => 1 << 20,
    PARSED_BODY => 1 << 18,
    AHEAD       => 1 << 16,
    PIECE       => 'x' x 65536,
};

sub new {
    my ($class, %args) = @_;
    my $self = bless {
        scripts => $args{scripts}, connections => {}, log => [], at => {}, serial => 0, numbers => 0,
        aborted => 0,
    }, $class;
    $self->{listener} = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $args{port}, Listen => 1024, ReuseAddr => 1, Blocking => 0
    ) or die "upstream: port $args{port}: $@\n";
    $self->open_void($args{void}) if $args{void};
    return $self;
}

# A listener whose queue is full: the kernel drops further connection attempts.
sub open_void {
    my ($self, $port) = @_;
    $self->{void} = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1,
        ReuseAddr => 1) or die "upstream: port $port: $@\n";
    listen $self->{void}, 0 or die "upstream: listen: $!\n";
    $self->{filling} = [ map {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 0.2) // ()
    } 1 .. 3 ];
    return;
}

sub run {
    my ($self) = @_;
    local $SIG{PIPE} = 'IGNORE';
    while (!$self->{stopping}) {
        $self->turn;
    }
    return;
}

sub turn {
    my ($self) = @_;
    my ($read, $write) = ('', '');
    my $until = time + 1;
    vec($read, fileno $self->{listener}, 1) = 1;
    for my $c (values %{ $self->{connections} }) {
        my $fd = fileno $c->{fh};
        vec($read, $fd, 1) = 1;
        vec($write, $fd, 1) = 1 if length $c->{out};
        $until = $c->{wake} if $c->{wake} && $c->{wake} < $until;
    }
    my $left = $until - time;
    my $found = select($read, $write, undef, $left > 0 ? $left : 0);
    if ($found > 0) {
        $self->accept_all if vec $read, fileno $self->{listener}, 1;
        for my $c (values %{ $self->{connections} }) {
            my $fd = fileno $c->{fh} // next;
            $self->readable($c) if vec $read,  $fd, 1;
            $self->writable($c) if $c->{fh} && vec $write, $fd, 1;
        }
    }
    my $now = time;
    for my $c (values %{ $self->{connections} }) {
        next if !$c->{wake} || $c->{wake} > $now;
        $c->{wake} = 0;
        $self->proceed($c);
    }
    return;
}

sub accept_all {
    my ($self) = @_;
    while (my $fh = $self->{listener}->accept) {
        $fh->blocking(0);
        setsockopt $fh, IPPROTO_TCP, TCP_NODELAY, 1;
        my $n = ++$self->{numbers};
        $self->{connections}{$n} = { n => $n, fh => $fh, in => '', out => '', ops => [], wake => 0 };
    }
    return;
}

sub drop {
    my ($self, $c, $reset) = @_;
    if (my $entry = delete $c->{entry}) {
        $entry->{done} = time;
        $self->finish_entry($c, $entry);
    }
    setsockopt $c->{fh}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0) if $reset;
    delete $self->{connections}{ $c->{n} };
    close $c->{fh};
    delete $c->{fh};
    return;
}

sub gone {
    my ($self, $c) = @_;
    if (my $entry = delete $c->{entry}) {
        $entry->{aborted} = time;
        $entry->{phase} = $c->{head_sent} ? 'streaming' : 'waiting';
        $self->{aborted}++;
        $self->finish_entry($c, $entry);
    }
    return $self->drop($c);
}

sub finish_entry {
    my ($self, $c, $entry) = @_;
    $entry->{sent_bytes} = $c->{sent_bytes};
    $entry->{sent_sha256} = $c->{digest}->hexdigest;
    return;
}

sub readable {
    my ($self, $c) = @_;
    for (;;) {
        my $n = sysread $c->{fh}, $c->{in}, 1 << 18, length $c->{in};
        if (!defined $n) {
            return if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
            return $self->gone($c);
        }
        return $self->gone($c) if !$n;
        last if $n < 1 << 18;
    }
    return $self->next_request($c);
}

# Begin the next request when it is all there and the last one is answered.
sub next_request {
    my ($self, $c) = @_;
    return if $c->{entry};
    if (!$c->{request}) {
        my $end = index $c->{in}, "\r\n\r\n";
        return if $end < 0;
        my ($line, @lines) = split /\r\n/, substr $c->{in}, 0, $end;
        substr $c->{in}, 0, $end + 4, '';
        my @headers = map { [ /^([^:]+):\s*(.*?)\s*$/ ] } @lines;
        my %header = map { lc $_->[0] => $_->[1] } @headers;
        my ($method, $path) = split / /, $line;
        $c->{request} = { method => $method, path => $path, headers => \@headers, header => \%header,
            body => '' };
        $c->{out} .= "HTTP/1.1 100 Continue\r\n\r\n" if ($header{expect} // '') =~ /100-continue/i;
    }
    my $request = $c->{request};
    if (($request->{header}{'transfer-encoding'} // '') =~ /chunked/i) {
        for (;;) {
            return $self->writable($c) if $c->{in} !~ /^([0-9a-fA-F]+)[^\r]*\r\n/;
            my ($size, $skip) = (hex $1, $+[0]);
            return $self->writable($c) if length $c->{in} < $skip + $size + 2;
            $request->{body} .= substr $c->{in}, $skip, $size;
            substr $c->{in}, 0, $skip + $size + 2, '';
            last if !$size;
        }
    }
    else {
        my $length = $request->{header}{'content-length'} // 0;
        return $self->writable($c) if length $c->{in} < $length;
        $request->{body} = substr $c->{in}, 0, $length, '';
    }
    delete $c->{request};
    @$c{qw(head_sent sent_bytes answered digest)} = (0, 0, 0, Digest::SHA->new(256));
    return $self->answer($c, $request);
}

sub answer {
    my ($self, $c, $request) = @_;
    return $self->control($c, $1) if $request->{path} =~ m{^/__(\w+)};

    my ($path_model, $action) = $request->{path} =~ m{/models/([^?]+):(\w+)};
    my $dialect = defined $action ? 'gemini' : $request->{path} =~ m{/chat/completions} ? 'chat'
        : $request->{path} =~ m{/responses} ? 'responses' : 'messages';
    my $body = \$request->{body};
    my ($model) = $$body =~ /"model"\s*:\s*"((?:[^"\\]|\\.)*)"/;
    $model = $path_model =~ s/%([0-9A-F]{2})/chr hex $1/ger if defined $action;
    $model //= '';
    my $key = $request->{path} =~ m{/use/([\w.+-]+)} ? $1 : $model =~ /^script:(.+)$/ ? $1 : undef;
    my $entry = $c->{entry} = {
        n => ++$self->{serial}, time => time, method => $request->{method}, path => $request->{path},
        headers => $request->{headers}, body_bytes => length $$body,
        body_sha256 => Digest::SHA::sha256_hex($$body), model => $model, script => $key,
        connection => $c->{n},
        body => length $$body <= LOGGED_BODY ? encode_base64($$body, '') : undef,
    };
    push @{ $self->{log} }, $entry;

    my $what = {
        dialect => $dialect, serial => $entry->{n},
        stream  => defined $action ? scalar($action =~ /^stream/) : scalar($$body =~ /"stream"\s*:\s*true/),
        array   => scalar(defined $action && $request->{path} !~ /[?&]alt=sse/), model => $model,
        json    => length $$body <= PARSED_BODY ? scalar(eval { JSON::PP::decode_json($$body) }) : undef,
    };
    my ($shown) = grep { defined } map { $request->{header}{$_} } qw(x-api-key x-goog-api-key authorization proxy-authorization);
    $what->{shown} = ($shown // '') =~ s/^(?:Bearer|Basic) //r;
    ($what->{said}) = $$body =~ /"(?:text|content|input)"\s*:\s*"((?:[^"\\]++|\\.)*+)"/ if length $$body <= PARSED_BODY;
    my $lines = eval { $self->lines_of($key, $request, $what) };
    my $plan = $lines && eval { ClaudeTest::Script::compile($lines, $what, $self->{scripts}) };
    if (!$plan) {
        chomp(my $why = $@);
        warn "upstream: $why\n";
        $plan = ClaudeTest::Script::compile([ 'error 500 api_error the script is wrong' ], $what, '');
    }
    $entry->{status} = $plan->{status} + 0;
    $entry->{label} = $plan->{label} if defined $plan->{label};
    $c->{ops} = $plan->{ops};
    return $self->proceed($c);
}

sub lines_of {
    my ($self, $key, $request, $what) = @_;
    if (defined $key) {
        my ($name) = $key =~ /^([^#]+)/;
        my $answers = ClaudeTest::Script::load($self->{scripts}, $name);
        my $at = $self->{at}{$key}++;
        return $answers->[ $at < @$answers ? $at : -1 ];
    }
    my $path = $request->{path} =~ s/\?.*//sr;
    return ['body {"input_tokens":42}'] if $path =~ m{/count_tokens$};
    return ['answer'] if $path =~ m{(?:/messages|/chat/completions|/responses|:\w*[gG]enerateContent)$} && $request->{method} eq 'POST';
    return ['body {"object":"response.input_tokens","input_tokens":42}'] if $path =~ m{/responses/input_tokens$};
    return ['body {"totalTokens":42}'] if $path =~ m{:countTokens$};
    return ['body {"embedding":{"values":[1]}}'] if $path =~ m{:embedContent$};
    return ['body {"models":[{"name":"models/gemini-up-1","displayName":"Gemini Up 1"}]}'] if $path =~ m{/v1beta/models$};
    if ($path =~ m{/models$}) {
        return $request->{header}{'anthropic-version'} ? [
            'body {"data":[{"type":"model","id":"claude-up-1","display_name":"Claude Up 1",'
                . '"created_at":"2026-01-01T00:00:00Z"}],"has_more":false,"first_id":"claude-up-1",'
                . '"last_id":"claude-up-1"}'
            ] : [
            'body {"object":"list","data":[{"id":"gpt-up-1","object":"model","created":1760000000,'
                . '"owned_by":"upstream"}]}'
            ];
    }
    return ['error 404 not_found_error no such path'];
}

sub control {
    my ($self, $c, $what) = @_;
    my $data = { error => 'unknown' };
    if ($what eq 'log') {
        $data = $self->{log};
    }
    elsif ($what eq 'reset') {
        @$self{qw(log at aborted)} = ([], {}, 0);
        $data = { ok => JSON::PP::true };
    }
    elsif ($what eq 'stats') {
        $data = { requests => scalar @{ $self->{log} }, aborted => $self->{aborted},
            open => scalar grep { $_->{entry} } values %{ $self->{connections} } };
    }
    my $text = JSON::PP->new->utf8->canonical->encode($data);
    $c->{ops} = [ [ write => "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
            . length($text) . "\r\n\r\n$text" ], ['end'] ];
    return $self->proceed($c);
}

# Carry out what is planned, as far as the client takes it; a turn is bounded
# so that others get theirs.
sub proceed {
    my ($self, $c) = @_;
    for (1 .. 64) {
        $self->stage($c);
        return if !$c->{fh};
        return $self->next_request($c) if $c->{answered} && !length $c->{out} && length $c->{in};
        return if !length $c->{out};
        return if !$self->flush($c);
        last if $c->{wake};
    }
    $c->{wake} ||= time if @{ $c->{ops} } && $c->{ops}[0][0] ne 'hang';
    return;
}

# Turn planned steps into bytes to send, up to a bound.
sub stage {
    my ($self, $c) = @_;
    while (@{ $c->{ops} } && !$c->{wake} && length $c->{out} < AHEAD) {
        my $op = $c->{ops}[0];
        my ($verb, $arg, $payload, $plain) = @$op;
        if ($verb eq 'fill' || $verb eq 'repeat') {
            if (!$arg) {
                shift @{ $c->{ops} };
                next;
            }
            my $n = $verb eq 'repeat' ? 1 : $arg < AHEAD ? $arg : AHEAD;
            $op->[1] -= $n;
            if ($verb eq 'fill') {
                $plain = substr PIECE, 0, $n;
                $payload = $payload ? sprintf("%x\r\n%s\r\n", $n, $plain) : $plain;
            }
            $self->put($c, $payload, $plain);
            next;
        }
        return if $verb eq 'hang';
        return if $verb =~ /^(?:cut|reset|close|end)$/ && length $c->{out};
        shift @{ $c->{ops} };
        if    ($verb eq 'write') { $self->put($c, $arg, $payload) }
        elsif ($verb eq 'wait')  { $c->{wake} = time + $arg / 1000 }
        elsif ($verb eq 'end')   {
            $c->{answered} = 1;
            if (my $entry = delete $c->{entry}) {
                $entry->{done} = time;
                $self->finish_entry($c, $entry);
            }
        }
        else { return $self->drop($c, $verb eq 'reset') }
    }
    return;
}

sub put {
    my ($self, $c, $bytes, $plain) = @_;
    $c->{out} .= $bytes;
    $c->{head_sent} = 1;
    return if !defined $plain;
    $c->{sent_bytes} += length $plain;
    $c->{digest}->add($plain);
    return;
}

# Send what the client takes now; true when all of it went.
sub flush {
    my ($self, $c) = @_;
    while (length $c->{out}) {
        my $n = syswrite $c->{fh}, $c->{out};
        if (!defined $n) {
            return 0 if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
            $self->gone($c);
            return 0;
        }
        substr $c->{out}, 0, $n, '';
    }
    return 1;
}

sub writable {
    my ($self, $c) = @_;
    $self->flush($c);
    $self->proceed($c) if $c->{fh} && !$c->{wake} && !length $c->{out} && @{ $c->{ops} };
    return;
}

1;
