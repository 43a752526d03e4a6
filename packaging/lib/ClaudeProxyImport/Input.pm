# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeProxyImport::Input;

=head1 NAME

ClaudeProxyImport::Input - config.json and .env of claude-proxy, read and checked

=cut

use strict;
use warnings;

use Encode qw(decode);
use Exporter 'import';
use JSON::PP ();

our @EXPORT_OK = qw(kinds read_json read_env check_config unknown_members);

# The lists of config.json: for which clients, where those ask, and which
# services claude-proxy could ask for them; others it took for `other`.
my @kinds = (
    { name => 'messages', list => 'upstream', balance => 'loadBalance', current => 'currentUpstream',
        path => '/v1/messages', services => [qw(claude openai openaiold gemini)] },
    { name => 'responses', list => 'responsesUpstream', balance => 'responsesLoadBalance',
        current => 'currentResponsesUpstream', path => '/v1/responses', services => [qw(responses openai openaiold claude)],
        other => 'openai' },
    { name => 'gemini', list => 'geminiUpstream', balance => 'geminiLoadBalance', path => '/v1beta',
        services => [qw(gemini openai claude)], other => 'gemini' },
);

# Members and their types.
my %top_members = (
    map({ $_->{list} => 'objects', $_->{balance} => 'string' } @kinds),
    currentUpstream => 'integer', currentResponsesUpstream => 'integer', fuzzyModeEnabled => 'flag',
);
my %channel_members = (
    map({ $_ => 'string' } qw(baseUrl serviceType name description website status promotionUntil)),
    map({ $_ => 'strings' } qw(baseUrls apiKeys historicalApiKeys)),
    map({ $_ => 'flag' } qw(insecureSkipVerify lowQuality injectDummyThoughtSignature stripThoughtSignature)),
    modelMapping => 'map', priority => 'integer',
);

sub kinds { return @kinds }

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    my $text = <$in> // die "$path: $!\n";
    $text = eval { decode('UTF-8', $text, Encode::FB_CROAK) } // die "$path is not UTF-8\n";
    return $text =~ s/^\x{feff}//r;
}

sub read_json {
    my ($path) = @_;
    my $text = slurp($path);
    my $value = eval { JSON::PP->new->decode($text) };
    return $value if defined $value;
    # The rest of the parser's message quotes the text, which holds keys.
    my ($at) = $@ =~ /at character offset (\d+)/;
    my $before = substr $text, 0, $at // 0;
    die "$path is not JSON: there is a mistake on line " . (1 + ($before =~ tr/\n//)) . "\n";
}

# NAME=VALUE lines as claude-proxy took them; a line that is none is an error.
sub read_env {
    my ($path, $errors) = @_;
    my %env;
    my $n = 0;
    for (split /\r?\n/, slurp($path)) {
        $n++;
        next if /^\s*(?:#|$)/;
        my ($name, $value) = /^\s*(?:export\s+)?([A-Za-z_][\w.]*)\s*[=:]\s*(.*?)\s*$/
            or push(@$errors, "$path: line $n is not NAME=VALUE"), next;
        if ($value =~ /^'([^']*)'\s*(?:#.*)?$/) {
            $env{$name} = $1;
            next;
        }
        my $quoted = $value =~ /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/;
        push @$errors, "$path: line $n has a quote without an end" if !$quoted && $value =~ /^["']/;
        $value = $quoted ? $1 =~ s/\\n/\n/gr =~ s/\\([^\$])/$1/gr : $value =~ s/\s+#.*//r;
        $env{$name} = $value =~ s/(\\?)(\$\{?([A-Z0-9_]+)\}?)/$1 ? $2 : $env{$3} \/\/ ''/ger;
    }
    return \%env;
}

sub is_text   { return defined $_[0] && !ref $_[0] && JSON::PP->new->allow_nonref->encode($_[0]) =~ /^"/ }
sub is_number { return defined $_[0] && !ref $_[0] && !is_text($_[0]) && $_[0] =~ /^-?\d{1,15}$/ }

my %type = (
    string  => [ 'a string', \&is_text ],
    integer => [ 'a whole number', \&is_number ],
    flag    => [ 'true or false', sub { JSON::PP::is_bool($_[0]) } ],
    strings => [ 'a list of strings', sub { ref $_[0] eq 'ARRAY' && !grep { !is_text($_) } @{ $_[0] } } ],
    map     => [ 'an object of strings', sub { ref $_[0] eq 'HASH' && !grep { !is_text($_) } values %{ $_[0] } } ],
    objects => [ 'a list of objects', sub { ref $_[0] eq 'ARRAY' && !grep { ref ne 'HASH' } @{ $_[0] } } ],
);

# Looks at the types of an object's members; null is as good as absent.
sub check_members {
    my ($place, $object, $members, $errors) = @_;
    for my $name (sort keys %$object) {
        if (!defined $object->{$name}) {
            delete $object->{$name};
        }
        elsif ($members->{$name}) {
            my ($wanted, $fits) = @{ $type{ $members->{$name} } };
            push @$errors, "$place$name must be $wanted" if !$fits->($object->{$name});
        }
    }
    return;
}

sub check_config {
    my ($path, $config, $errors) = @_;
    ref $config eq 'HASH' or die "$path holds no JSON object\n";
    check_members('', $config, \%top_members, $errors);
    for my $name (map { $_->{list} } @kinds) {
        my $list = $config->{$name} //= [];
        next if ref $list ne 'ARRAY';
        check_members("$name\[$_].", $list->[$_], \%channel_members, $errors) for grep { ref $list->[$_] eq 'HASH' } 0 .. $#$list;
    }
    return;
}

# Names of members that claude-proxy had not: of a channel, else of the whole.
sub unknown_members {
    my ($object, $channel) = @_;
    my $known = $channel ? \%channel_members : \%top_members;
    return grep { !$known->{$_} } sort keys %$object;
}

1;
