# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Script;

=head1 NAME

ClaudeTest::Script - what the scripted upstream does with one request, as data

=head1 THE FORMAT

A script is a text file t/scripts/NAME.txt, chosen by a model called
"script:NAME" (or "script:NAME#anything", which has its own count of requests)
or by a base URL that ends in /use/NAME. Answers are separated by lines of
"---": the first request gets the first one, and so on; the last one stays.
A file may hold several scripts behind lines "=== PART"; their names are
NAME/PART, or NAME+PART where the name stands in a path. Lines in front of the
first such line belong to each of them. A line that begins with "messages:",
"chat:", "responses:" or "gemini:" holds only for that protocol.

  status 429 Too Many Requests     (200 OK)
  header retry-after: 7            (escapes as in raw)
  answer [document|stream] [N]     a plausible answer; N: words of text
  error 429 rate_limit_error Slow  an error body of the protocol, and the status
  body TEXT                        TEXT as it stands, no newline
  raw TEXT                         with \n \r \t \\ \xHH
  file NAME                        bytes of t/scripts/NAME
  data JSON                        one event without a name
  event NAME JSON                  one event
  sse NAME                         the events of t/scripts/NAME, one by one
  fill SIZE                        SIZE bytes "x" (k, m)
  times N data JSON                the same event N times, as fast as it is taken
  times N event NAME JSON
  delay TIME                       wait (300ms, 2s); before any body: before the status line
  head                             send the status line and headers now
  drip TIME                        wait so long between the pieces that follow
  split N                          write the following pieces N bytes at a time
  cut-after N                      close without an end after N bytes of body
  cut                              close without an end, here
  reset                            the same with a TCP reset
  hang                             nothing more, until the client goes
  close                            the body ends with the connection, unframed
  gzip | deflate                   the whole body so encoded
  bad-gzip                         says gzip and is not
  log NAME                         name of this answer in the log

In a line %SHOWN% stands for the credential that the request showed, %SAID% for
the first text in its body.

=cut

use strict;
use warnings;

use IO::Compress::Deflate ();
use IO::Compress::Gzip ();

use ClaudeTest::Answer ();

sub milliseconds {
    my ($text) = @_;
    $text =~ /^([\d.]+)(ms|s)$/ or die "no time: $text\n";
    return $2 eq 's' ? $1 * 1000 : $1;
}

sub bytes {
    my ($text) = @_;
    $text =~ /^(\d+)([km]?)$/i or die "no size: $text\n";
    return $1 * { '' => 1, k => 1024, m => 1024 * 1024 }->{ lc $2 };
}

sub slurp {
    my ($path) = @_;
    open my $fh, '<:raw', $path or die "$path: $!\n";
    local $/;
    return scalar <$fh>;
}

sub unescape {
    my ($text) = @_;
    my %one = (n => "\n", r => "\r", t => "\t", '\\' => '\\');
    $text =~ s/\\(?:x([0-9a-fA-F]{2})|([nrt\\]))/defined $1 ? chr hex $1 : $one{$2}/ge;
    return $text;
}

# All answers of a script: a list of lists of lines.
sub load {
    my ($dir, $name) = @_;
    my ($file, $part) = $name =~ m{^([\w.-]+)(?:[/+]([\w.-]+))?$} or die "no script name: $name\n";
    my @answers = ([]);
    my ($ours, $found) = (1, !defined $part);
    for my $line (split /\n/, slurp("$dir/$file.txt")) {
        next if $line =~ /^\s*(?:#|$)/;
        if ($line =~ /^=== (\S+)/) {
            last if !defined $part;
            $ours = $1 eq $part;
            $found ||= $ours;
            next;
        }
        next if !$ours;
        if ($line eq '---') {
            push @answers, [];
        }
        else {
            push @{ $answers[-1] }, $line;
        }
    }
    die "no script $name\n" if !$found;
    return \@answers;
}

# What to do for one request: a list of [write => bytes], [wait => ms],
# [fill => n], ['cut'], ['reset'], ['hang'], ['close'], ['end'].
# $request: dialect, stream, json (may be undef), serial.
sub compile {
    my ($lines, $request, $dir) = @_;
    my %head = (status => 200, reason => 'OK', headers => [], early => 0);
    my (@ops, $type, $drip, $split, $cut_after, $unframed, $coding, $label);

    my $piece = sub {
        my ($bytes) = @_;
        my @parts = $split ? unpack("(a$split)*", $bytes) : ($bytes);
        for my $part (@parts) {
            push @ops, [ wait => $drip ] if $drip && grep { $_->[0] eq 'body' } @ops;
            push @ops, [ body => $part ];
        }
    };
    my $events = sub {
        my ($text) = @_;
        $type //= 'text/event-stream';
        $piece->($_) for $text =~ /(.*?(?:\n\n|\r\n\r\n|\z))/gs;
    };

    for my $line (@$lines) {
        my $text = $line;
        if ($text =~ s/^(messages|chat|responses|gemini):\s*//) {
            next if $1 ne $request->{dialect};
        }
        $text =~ s/%(SHOWN|SAID)%/$request->{ lc $1 } \/\/ ''/ge;
        my ($verb, $rest) = $text =~ /^([\w-]+)(?: (.*))?$/s or die "cannot read: $line\n";
        $rest //= '';
        if ($verb eq 'status') {
            my ($status, $reason) = split / /, $rest, 2;
            @head{qw(status reason)} = ($status, $reason // 'Scripted');
        }
        elsif ($verb eq 'header') { push @{ $head{headers} }, unescape($rest) }
        elsif ($verb eq 'answer') {
            my $stream = $rest =~ /stream/ ? 1 : $rest =~ /document/ ? 0 : $request->{stream};
            my ($words) = $rest =~ /(\d+)/;
            my @parts = ClaudeTest::Answer::answer($request, $stream, $words);
            if ($stream && @parts == 1) {
                $type //= 'application/json'; # a stream as an array
                $piece->($_) for unpack '(a60)*', $parts[0];
            }
            elsif ($stream) { $events->($_) for @parts }
            else         { $piece->($_) for @parts }
        }
        elsif ($verb eq 'error') {
            my ($status, $kind, $message) = split / /, $rest, 3;
            @head{qw(status reason)} = ($status, 'Scripted') if $status;
            $piece->(ClaudeTest::Answer::error_body($request->{dialect}, $head{status}, $kind, $message // ''));
        }
        elsif ($verb eq 'body')  { $piece->($rest) }
        elsif ($verb eq 'raw')   { $piece->(unescape($rest)) }
        elsif ($verb eq 'file')  { $piece->(slurp("$dir/$rest")) }
        elsif ($verb eq 'data')  { $events->("data: $rest\n\n") }
        elsif ($verb eq 'event') {
            my ($name, $json) = split / /, $rest, 2;
            $events->("event: $name\ndata: $json\n\n");
        }
        elsif ($verb eq 'sse')       { $events->(slurp("$dir/$rest")) }
        elsif ($verb eq 'times') {
            my ($n, $kind, $event) = split / /, $rest, 3;
            $type //= 'text/event-stream';
            $event = $kind eq 'data' ? "data: $event\n\n"
                : sprintf "event: %s\ndata: %s\n\n", split / /, $event, 2;
            push @ops, [ times => $n, $event ];
        }
        elsif ($verb eq 'fill')      { push @ops, [ fill => bytes($rest) ] }
        elsif ($verb eq 'delay')     { push @ops, [ wait => milliseconds($rest) ] }
        elsif ($verb eq 'head')      { push @ops, ['head'] }
        elsif ($verb eq 'drip')      { $drip = milliseconds($rest) }
        elsif ($verb eq 'split')     { $split = $rest }
        elsif ($verb eq 'cut-after') { $cut_after = $rest }
        elsif ($verb =~ /^(?:cut|reset|hang)$/) { push @ops, [$verb] }
        elsif ($verb eq 'close')     { $unframed = 1 }
        elsif ($verb =~ /^(?:gzip|deflate|bad-gzip)$/) { $coding = $verb }
        elsif ($verb eq 'log')       { $label = $rest }
        else                         { die "unknown verb: $line\n" }
    }

    my @headers = @{ $head{headers} };
    if ($coding) {
        @ops = encode($coding, @ops);
        push @headers, 'content-encoding: ' . ($coding eq 'deflate' ? 'deflate' : 'gzip');
    }
    my $says = sub { my $name = shift; grep { /^\Q$name\E:/i } @headers };
    $type //= 'application/json';
    push @headers, "content-type: $type" unless $says->('content-type');
    my $whole = !grep { $_->[0] =~ /^(?:cut|reset|hang|fill|times)$/ } @ops;
    my $length = 0;
    $length += length $_->[1] for grep { $_->[0] eq 'body' } @ops;

    my $chunked = 0;
    if ($unframed) { push @headers, 'connection: close' }
    elsif ($says->('content-length')) { }
    elsif ($whole && $type ne 'text/event-stream') { push @headers, "content-length: $length" }
    else { $chunked = 1; push @headers, 'transfer-encoding: chunked' }

    @ops = cut(\@ops, $cut_after) if defined $cut_after;
    my $head = join "\r\n", "HTTP/1.1 $head{status} $head{reason}", @headers, '', '';
    return { ops => [ frame($head, $chunked, $unframed, @ops) ], status => $head{status},
        label => $label };
}

# The body compressed, all in one piece.
sub encode {
    my ($coding, @ops) = @_;
    my $body = join '', map { $_->[0] eq 'body' ? $_->[1] : '' } @ops;
    my $out = "\x1f\x8b\x08\x00this is not a deflate stream";
    if ($coding eq 'gzip') {
        IO::Compress::Gzip::gzip(\$body => \$out) or die "gzip failed\n";
    }
    elsif ($coding eq 'deflate') {
        IO::Compress::Deflate::deflate(\$body => \$out) or die "deflate failed\n";
    }
    return ((grep { $_->[0] eq 'wait' } @ops), [ body => $out ],
        grep { $_->[0] =~ /^(?:cut|reset|hang)$/ } @ops);
}

sub cut {
    my ($ops, $left) = @_;
    my @out;
    for my $op (@$ops) {
        if ($op->[0] ne 'body') {
            push @out, $op;
            next;
        }
        if (length $op->[1] >= $left) {
            push @out, [ body => substr $op->[1], 0, $left ];
            last;
        }
        $left -= length $op->[1];
        push @out, $op;
    }
    return (@out, ['cut']);
}

# Head and framing put around the pieces of the body.
sub frame {
    my ($head, $chunked, $unframed, @ops) = @_;
    my ($sent, @out);
    my $head_once = sub { push @out, [ write => $head ] unless $sent++ };
    for my $op (@ops) {
        my ($verb, $arg) = @$op;
        if ($verb eq 'wait') { push @out, $op }
        elsif ($verb eq 'head') { $head_once->() }
        elsif ($verb eq 'body') {
            $head_once->();
            next if $arg eq '';
            push @out, [ write => $chunked ? sprintf("%x\r\n%s\r\n", length $arg, $arg) : $arg, $arg ];
        }
        elsif ($verb eq 'fill') {
            $head_once->();
            push @out, [ fill => $arg, $chunked ];
        }
        elsif ($verb eq 'times') {
            $head_once->();
            my $block = $op->[2] x 256;
            push @out, [ repeat => int $arg / 256, sprintf("%x\r\n%s\r\n", length $block, $block), $block ];
            my $rest = $op->[2] x ($arg % 256);
            push @out, [ write => sprintf("%x\r\n%s\r\n", length $rest, $rest), $rest ] if $rest ne '';
        }
        else {
            $head_once->() if $verb eq 'cut' && grep { $_->[0] eq 'body' } @ops;
            push @out, $op;
            return @out;
        }
    }
    $head_once->();
    push @out, $unframed ? ['close'] : ( ($chunked ? [ write => "0\r\n\r\n" ] : ()), ['end'] );
    return @out;
}

1;
