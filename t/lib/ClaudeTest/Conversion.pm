# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Conversion;

=head1 NAME

ClaudeTest::Conversion - docs/conversion.md, made from the cases of t/cases

=head1 DESCRIPTION

What a case has is told by t/cases/features.txt, for its input and for what came out of it. A
feature that is in both was converted; one that is only in the input was rendered as text if
what it said is there in other places, and left out if not; a problem at its place is a refusal.

=cut

use strict;
use warnings;

use Encode qw(decode_utf8 encode_utf8);
use Exporter 'import';
use JSON::PP ();

use ClaudeTest::Sources qw(files text);

our @EXPORT_OK = qw(conversion_document conversion_gaps);

my @dialects = qw(messages chat chat_legacy responses gemini);
my %title = (messages => 'Messages', chat => 'Chat', chat_legacy => 'Chat of the function era',
    responses => 'Responses', gemini => 'Gemini');
my @outcomes = qw(converted text refused dropped);
my %word = (converted => 'converted', text => 'as text', refused => 'refused', dropped => 'left out');
my $json = JSON::PP->new->allow_nonref;

# Half a surrogate pair is fine in a case and no text for JSON::PP.
sub read_json {
    my ($text) = @_;
    $text =~ s/(\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|\\u[dD][89a-fA-F]..|(\\.)/defined $1 ? $1 : defined $2 ? $2 : '\\ufffd'/ge;
    return $json->decode($text);
}

# --- features ---------------------------------------------------------------------------------

# Rows "side TAB feature TAB dialect TAB pattern": the places that show the feature.
sub features {
    my (%of, @order);
    for my $line (split /\n/, text('t/cases/features.txt')) {
        next if $line =~ /^#|^$/;
        my ($side, $feature, $dialect, $pattern) = split /\t/, $line;
        die "features.txt: $line\n" if !defined $pattern || $dialect !~ /^[>~]?(?:\w+|\*)$/;
        push @order, [ $side, $feature ] if !grep { $_->[0] eq $side && $_->[1] eq $feature } @order;
        my ($path, $value) = split / = /, $pattern, 2;
        push @{ $of{$side}{$feature}{$dialect} }, [ [ split m{/}, $path ], defined $value ? qr/$value/ : undef ];
    }
    return (\%of, \@order);
}

# Paths of the values that fit: "*" is one member or element, "**" any number of them.
sub places {
    my ($value, $steps, $fits, @at) = @_;
    if (!@$steps) {
        return if defined $fits && (ref $value && !JSON::PP::is_bool($value) || !defined $value || "$value" !~ $fits);
        return [@at];
    }
    my ($step, @rest) = @$steps;
    my @found;
    push @found, places($value, \@rest, $fits, @at) if $step eq '**';
    my %member = ref $value eq 'HASH' ? %$value
        : ref $value eq 'ARRAY' ? map { $_ => $value->[$_] } 0 .. $#$value : ();
    for my $name (sort keys %member) {
        next if $step !~ /^\*/ && $step ne $name;
        push @found, places($member{$name}, $step eq '**' ? $steps : \@rest, $fits, @at, $name);
    }
    return @found;
}

sub places_of {
    my ($documents, $patterns) = @_;
    my @found;
    for my $i (0 .. $#$documents) {
        push @found, map { [ $i, @$_ ] } map { places($documents->[$i], @$_) } @{ $patterns || [] };
    }
    return @found;
}

sub value_at {
    my ($value, @path) = @_;
    $value = ref $value eq 'HASH' ? $value->{$_} : $value->[$_] for @path;
    return $value;
}

# The words below a value: what a reader would miss.
sub words {
    my ($value) = @_;
    return map { words($value->{$_}) } sort keys %$value if ref $value eq 'HASH';
    return map { words($_) } @$value if ref $value eq 'ARRAY';
    return defined $value && !ref $value && length $value ? $value : ();
}

sub texts_of {
    my ($value) = @_;
    return words($value) if !ref $value;
    my @own = ref $value eq 'HASH' ? map { words($value->{$_}) }
        grep { /^(?:text|input|content|output|thinking|arguments|summary|title|refusal|description)$/ } sort keys %$value
        : map { texts_of($_) } ref $value eq 'ARRAY' ? @$value : ();
    return @own;
}

# --- cases ------------------------------------------------------------------------------------

# Short words have to be the whole text: they are in everything.
sub told {
    my ($word, $text, $words) = @_;
    return length $word > 2 ? index($text, $word) >= 0 : scalar grep { $_ eq $word } @$words;
}

sub outcome_of {
    my ($in, $out, $problem, $patterns, $from, $to) = @_;
    my @at = places_of($in, $patterns->{$from}) or return;
    if (defined $problem) {
        my @where = grep { length } split /[.\[\]]+/, $problem;
        for my $at (@at) {
            my (undef, @path) = @$at;
            my $n = @where < @path ? @where : @path;
            return 'refused' if $n && join("\0", @where[ 0 .. $n - 1 ]) eq join("\0", @path[ 0 .. $n - 1 ]);
        }
        return;
    }
    return 'converted' if places_of($out, $patterns->{$to}) || places_of($out, $patterns->{">$to"});
    return 'text' if places_of($out, $patterns->{"~$to"});
    return 'dropped' if !$patterns->{'~*'};
    my @words = map { words($_) } @$out;
    my $text = join "\0", @words;
    for my $at (@at) {
        my ($document, @path) = @$at;
        pop @path if @path && $path[-1] !~ /^\d+$/;
        return 'text' if grep { told($_, $text, \@words) } texts_of(value_at($in->[$document], @path));
    }
    return 'dropped';
}

sub request_cases {
    my @cases;
    for my $file (files(qr{^t/cases/request/\w+-\w+\.jsonl$})) {
        my ($client, $upstream) = $file =~ m{([^/]+)-(\w+)\.jsonl$};
        next if $upstream eq 'sniff';
        for my $line (split /\n/, decode_utf8(text($file))) {
            next if $line =~ /^#|^\s*$/;
            my $case = read_json($line);
            next if $case->{target}{counting}; # a count leaves out what does not count
            next if !exists $case->{in} || !(exists $case->{out} || exists $case->{problem});
            push @cases, { side => 'request', client => $client, upstream => $upstream, form => 'request',
                name => $case->{name}, why => $case->{why}, in => [ $case->{in} ],
                out => [ exists $case->{out} ? $case->{out} : () ], traits => $case->{target}{traits},
                $case->{problem} ? (problem => $case->{problem}{param}, message => $case->{problem}{message}) : () };
        }
    }
    return @cases;
}

# The JSON documents of an answer: of its events, or of its body.
sub documents {
    my ($text) = @_;
    my $whole = eval { read_json($text) };
    return ref $whole eq 'ARRAY' ? @$whole : $whole if ref $whole;
    return grep { ref } map { scalar eval { read_json($_) } } $text =~ /^data: ?(.*)$/mg;
}

sub answer_cases {
    my @cases;
    for my $file (files(qr{^t/cases/answer/\w+\.txt$})) {
        my (undef, @blocks) = split /^=== /m, decode_utf8(text($file));
        for my $block (@blocks) {
            my ($name, $rest) = split /\n/, $block, 2;
            my ($head, @sections) = split /^--- (\w+)\n/m, $rest;
            my %section = @sections;
            my ($from) = $head =~ /^do:.*\bfrom=(\w+)/m;
            my ($to) = $head =~ /^do:.*\bto=(\w+)/m;
            my ($why) = $head =~ /^why: (.*)/m;
            next if !$from || !$to || !defined $section{out};
            my $input = $section{lines} // $section{document} // next;
            push @cases, { side => 'answer', client => $to, upstream => $from, name => $name, why => $why,
                form => $head =~ /^do:.*\bdocument\b/m ? 'document' : 'stream',
                no_usage => $to =~ /^chat/ && $head !~ /^do:.*\b(?:usage|document)\b/m,
                in => [ documents($input) ], out => [ documents($section{out}) ] };
        }
    }
    return @cases;
}

# --- the document -----------------------------------------------------------------------------

sub matrix {
    my ($of) = @_;
    my %cell;
    for my $case (request_cases(), answer_cases()) {
        next if $case->{client} eq $case->{upstream};
        my ($in, $out) = $case->{side} eq 'request' ? @$case{qw(client upstream)} : @$case{qw(upstream client)};
        for my $feature (keys %{ $of->{ $case->{side} } }) {
            # Chat's streams tell usage only to those who asked for it.
            next if $case->{no_usage} && $feature =~ /^usage/;
            my $patterns = $of->{ $case->{side} }{$feature};
            my $outcome = outcome_of(@$case{qw(in out problem)}, $patterns, $in, $out) or next;
            # An answer that ends as an error does not lose things in silence.
            $outcome = 'refused' if $outcome eq 'dropped' && $case->{side} eq 'answer'
                && places_of($case->{out}, $of->{answer}{'error inside the answer'}{$out});
            push @{ $cell{ $case->{form} }{ $case->{client} }{ $case->{upstream} }{$feature}{$outcome} }, $case;
        }
    }
    return \%cell;
}

my %forms = (request => ['request'], answer => [ 'stream', 'document' ]);

# Who has to have the feature for there to be anything to convert.
sub giver {
    my ($side, $client, $upstream) = @_;
    return $side eq 'request' ? $client : $upstream;
}

sub each_cell {
    my ($of, $order, $cells, $do) = @_;
    for my $client (@dialects) {
        for my $side (qw(request answer)) {
            for my $form (@{ $forms{$side} }) {
                for my $feature (map { $_->[1] } grep { $_->[0] eq $side } @$order) {
                    for my $upstream (@dialects) {
                        my $has = $of->{$side}{$feature}{ giver($side, $client, $upstream) };
                        $do->($client, $form, $feature, $upstream, $has,
                            $cells->{$form}{$client}{$upstream}{$feature});
                    }
                }
            }
        }
    }
    return;
}

# Cells without a case, a line each.
sub conversion_gaps {
    my ($of, $order) = features();
    my @gaps;
    each_cell($of, $order, matrix($of), sub {
        my ($client, $form, $feature, $upstream, $has, $cell) = @_;
        push @gaps, "$client to $upstream, $form: $feature" if $client ne $upstream && $has && !$cell;
    });
    return @gaps;
}

sub shown {
    my ($client, $upstream, $has, $cell) = @_;
    return 'native' if $client eq $upstream;
    return '' if !$has;
    return 'no case' if !$cell;
    return join ', ', map { "$word{$_} " . scalar @{ $cell->{$_} } } grep { $cell->{$_} } @outcomes;
}

sub escaped {
    my ($text) = @_;
    $text =~ s/([<>|*_`])/\\$1/g;
    return $text;
}

sub remarks {
    my ($cells, $client, $upstream, $order) = @_;
    my @lines;
    for my $form (qw(request stream document)) {
        my %told;
        for my $feature (map { $_->[1] } @$order) {
            my $cell = $cells->{$form}{$client}{$upstream}{$feature} or next;
            for my $outcome (qw(text refused dropped)) {
                for my $case (@{ $cell->{$outcome} || [] }) {
                    next if $told{$feature}{ $case->{name} }++;
                    my $with = join ', ', map { "$_=$case->{traits}{$_}" } sort keys %{ $case->{traits} || {} };
                    my $said = $outcome eq 'refused' && defined $case->{message}
                        ? '"' . escaped($case->{message}) . '"' : escaped($case->{why} // '');
                    push @lines, "* $form, $feature, $word{$outcome}: " . escaped($case->{name})
                        . ($with ? " ($with)" : '') . ": $said";
                }
            }
        }
    }
    return @lines;
}

sub conversion_document {
    my ($of, $order) = features();
    my $cells = matrix($of);
    my $out = <<'END';
# Conversion

Made by `t/check/conversion.pl` from the cases in t/cases (requests: [t/cases/request](../t/cases/request/README.md), answers:
[t/cases/answer](../t/cases/answer/README.md)) and t/cases/features.txt, which tells how a feature looks in each protocol.
The check t/check/conversion.t fails when this page and the cases differ. Do not edit it.

Each table is for clients of one protocol; a column is the protocol of the upstream.

| word | meaning |
|---|---|
| native | the protocol is the same: the bytes pass unchanged, whatever they say (tested over HTTP, t/passthrough.t, t/gemini.t, t/responses.t) |
| converted | it is there in the other protocol's own form |
| as text | the other protocol has no form for it; what it says is there as text |
| refused | the client gets an error: of a request one that names the place, of an answer one in place of the rest |
| left out | the other protocol has nothing for it; the remarks say when and why |
| (empty) | the side that would send it has no such thing |

The numbers count cases. More than one word in a cell means that it depends: the remarks below each table say on
what. Remarks quote the reason of the test case, or the error's words.
END
    for my $client (@dialects) {
        $out .= "\n## $title{$client} clients\n";
        for my $side (qw(request answer)) {
            for my $form (@{ $forms{$side} }) {
                $out .= "\n### " . ucfirst($form eq 'request' ? 'requests' : "answers, ${form}s") . " of $title{$client} clients\n\n";
                $out .= '| feature | ' . join(' | ', map { $title{$_} } @dialects) . " |\n"
                    . '|---' x (1 + @dialects) . "|\n";
                for my $feature (map { $_->[1] } grep { $_->[0] eq $side } @$order) {
                    $out .= "| $feature | " . join(' | ', map {
                        shown($client, $_, $of->{$side}{$feature}{ giver($side, $client, $_) },
                            $cells->{$form}{$client}{$_}{$feature})
                    } @dialects) . " |\n";
                }
            }
        }
        for my $upstream (grep { $_ ne $client } @dialects) {
            my @lines = remarks($cells, $client, $upstream, $order) or next;
            $out .= "\n### $title{$client} clients, $title{$upstream} upstreams: remarks\n\n" . join("\n", @lines) . "\n";
        }
    }
    $out =~ s/[ \t]+$//mg;
    return encode_utf8($out);
}

1;
