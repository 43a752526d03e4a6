# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeProxyImport::Channels;

=head1 NAME

ClaudeProxyImport::Channels - the channels of claude-proxy, as this module's

=cut

use strict;
use warnings;

use Encode qw(encode);
use Exporter 'import';
use Socket qw(inet_pton AF_INET6);

use ClaudeProxyImport::Input qw(unknown_members);
use ClaudeProxyImport::Report qw(remark shown);

our @EXPORT_OK = qw(channel);

my %service = (map({ $_ => $_ } qw(claude openai responses gemini)), openaiold => 'openai');

# Where a request goes, without the endpoint: there ...
sub their_base {
    my ($kind, $service, $url, $where, $channel) = @_;
    my $complete = $url =~ s/#$//;
    if ($kind->{name} eq 'gemini') {
        $url =~ s{/+$}{};
        my $versioned = $url =~ m{/v\d\w*$};
        if ($complete || $versioned) {
            remark($where, "claude-proxy did not look for a version or a # in URLs of this list and asked .../v1/v1/ or the like; "
                . 'here the URL is taken at its word. Nothing to do.', $channel);
            return $url;
        }
        return $url . ($service eq 'gemini' ? '/v1beta' : '/v1');
    }
    $url =~ s{/$}{};
    if ($service eq 'gemini') {
        remark($where, 'claude-proxy added no version to this URL, hence the #. If the provider wants /v1beta, as Google does, '
            . 'take the # away.', $channel) if $url !~ m{/v\d\w*$};
        return $url;
    }
    return $complete || $url =~ m{/v\d+[a-z]*$} ? $url : "$url/v1";
}

# ... and here.
sub our_base {
    my ($service, $url) = @_;
    my $complete = $url =~ s/#$//;
    $url =~ s{/$}{};
    return $complete || $url =~ m{^https?://[^/]+/(?:.*/)?v\d[0-9A-Za-z]*$}i ? $url : $url . ($service eq 'gemini' ? '/v1beta' : '/v1');
}

sub url_for {
    my ($service, $url, $base) = @_;
    my ($fits) = grep { our_base($service, $_) eq $base } $url =~ s{/+$}{}r, $base;
    return $fits // "$base#";
}

# What is wrong with a URL, or undef.
sub url_problem {
    my ($url) = @_;
    my ($authority, $path) = $url =~ m{^https?://([^/?#]*)(.*)$}i or return 'does not begin with http:// or https://';
    return 'holds a user or password, which belong into ChannelKey and ChannelAuth' if $authority =~ /\@/;
    return 'holds a query' if $path =~ /\?/;
    my ($host, $ip, $port) = $authority =~ /^([A-Za-z0-9_][\w.-]{0,252}|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{1,5}))?$/a
        or return 'has no valid host';
    return 'has no valid host' if $ip && !inet_pton(AF_INET6, $ip);
    return 'has no valid port' if defined $port && ($port < 1 || $port > 65_535);
    return 'holds characters that a URL cannot hold'
        if length $url > 1900 || $path !~ m{^(?:[A-Za-z0-9/\-._~!\$&'()*+,;=:\@]|%[0-9A-Fa-f]{2})*#?$} || $path =~ /\$\{/;
    return;
}

sub urls_of {
    my ($kind, $service, $entry, $where, $channel) = @_;
    my @given = grep { length } @{ $entry->{baseUrls} || [] };
    my $single = $entry->{baseUrl} // '';
    my $same = sub { $_[0] =~ s{[/#]+$}{}r };
    if (@given && length $single && !grep { $same->($_) eq $same->($single) } @given) {
        remark($where, 'baseUrl is not among baseUrls: claude-proxy used it for lists of models and for compact only. It is left '
            . 'out; add it as a ChannelURL if it should serve.', $channel);
    }
    @given = ($single) if !@given && length $single;
    my (@urls, %seen);
    for my $url (@given) {
        $url =~ s/^\s+|\s+$//g;
        if (my $problem = url_problem($url)) {
            my ($host) = $url =~ m{^(?:[a-z]+://)?(?:[^/?#\@]*\@)?([\w.:-]+)}i;
            remark($where, 'a URL' . ($host ? ' (' . shown($host) . ')' : '') . " $problem, and is left out. Write a right one.", $channel);
            next;
        }
        next if $seen{ $same->($url) }++;
        my $ours = url_for($service, $url, their_base($kind, $service, $url, $where, $channel));
        push @urls, $ours if !$seen{"ours $ours"}++;
    }
    return @urls;
}

sub keys_of {
    my ($entry, $where, $channel) = @_;
    my (%seen, @keys);
    my $bad = 0;
    for my $key (map { s/^\s+|\s+$//gr } @{ $entry->{apiKeys} || [] }) {
        next if $seen{$key}++;
        if ($key !~ /^[!-~]{1,8192}$/ || $key =~ /^#|\$\{/) {
            $bad++;
            next;
        }
        push @keys, $key;
    }
    remark($where, "$bad of its keys cannot be a key (empty, with blanks, or not ASCII), and are left out.", $channel) if $bad;
    my $former = @{ $entry->{historicalApiKeys} || [] };
    remark($where, "$former former keys (historicalApiKeys) are left out: they were for statistics only. Revoke them if they are "
        . 'still valid.', $channel) if $former;
    return @keys;
}

# claude-proxy told by the key how to show it; Gemini's it always showed Google's way.
sub auth_for {
    my ($service, $keys, $where, $channel) = @_;
    return '' if $service eq 'gemini' || !@$keys;
    my @anthropic = map { /^sk-ant-/ ? 1 : 0 } @$keys;
    remark($where, 'some of its keys begin with sk-ant- and some do not; claude-proxy sent the former as x-api-key, the others as '
        . 'bearer tokens. All are sent as the first now. Make two channels of it if the provider minds.', $channel)
        if grep { $_ != $anthropic[0] } @anthropic;
    return $anthropic[0] ? '' : 'bearer' if $service eq 'claude';
    return $anthropic[0] ? 'header x-api-key' : '';
}

sub models_of {
    my ($entry, $where, $channel) = @_;
    my $map = $entry->{modelMapping} || {};
    my @rules;
    for my $source (sort { length $b <=> length $a || $a cmp $b } keys %$map) {
        my $target = $map->{$source};
        my $name = '"' . shown($source) . '"';
        if (!length $target || "$source$target" =~ /\p{Cntrl}|\$\{/ || length encode('UTF-8', $source) > 250
            || length encode('UTF-8', $target) > 256) {
            remark($where, "the mapping of $name is left out: name or target is empty, too long or not one line.", $channel);
        }
        elsif ("$source$target" =~ /\*/ || $source =~ /\?/) {
            remark($where, "the mapping of $name is left out: claude-proxy took * and ? as they are, here they are patterns. Write "
                . 'the ChannelModelMap line that was meant.', $channel);
        }
        else {
            push @rules, [ length $source ? "*$source*" : '*', $target ];
        }
    }
    remark($where, 'claude-proxy mapped a name also if it is a part of the source (gpt-5 by a rule for gpt-5-codex). The patterns '
        . 'here match names that hold the source. Add a ChannelModelMap line for each shorter name that clients use.', $channel)
        if grep { $_->[0] ne '*' } @rules;
    return \@rules;
}

sub service_of {
    my ($kind, $entry, $where, $channel) = @_;
    my $type = $entry->{serviceType} // '';
    my $said = $type eq '' ? 'it has no serviceType' : '"' . shown($type) . '" is no serviceType of this list';
    if (grep { $_ eq $type } @{ $kind->{services} }) {
        remark($where, 'openaiold was the same as openai in claude-proxy, and is openai here. If the provider knows functions but '
            . 'no tools, use ChannelService openai-legacy.', $channel) if $type eq 'openaiold';
        return $service{$type};
    }
    if ($service{$type}) {
        $channel->{unserved} = 1;
        remark($where, "claude-proxy could not ask a channel with serviceType $type in this list. It can here; to let it, set its "
            . 'ChannelStatus to active.', $channel);
        return $service{$type};
    }
    if ($kind->{other}) {
        remark($where, "$said; claude-proxy took it for $kind->{other}, and so it is here.", $channel);
        return $kind->{other};
    }
    remark($where, "$said, so claude-proxy never used the channel. It is left out.", $channel);
    return;
}

# An entry of a list as a channel, or undef; what is wrong or different is remarked.
sub channel {
    my ($kind, $index, $entry, $status) = @_;
    my $title = shown($entry->{name} // '');
    my $where = "$kind->{list}\[$index]" . (length $title ? " \"$title\"" : '');
    my $channel = { kind => $kind->{name}, index => $index, where => $where, title => $title, status => $status };
    my $service = service_of($kind, $entry, $where, $channel) // return;

    $channel->{service} = $service;
    $channel->{urls} = [ urls_of($kind, $service, $entry, $where, $channel) ];
    if (!@{ $channel->{urls} }) {
        remark($where, 'it has no URL that can be used, and is left out.');
        return;
    }
    $channel->{keys} = [ keys_of($entry, $where, $channel) ];
    $channel->{auth} = auth_for($service, $channel->{keys}, $where, $channel);
    if (!@{ $channel->{keys} }) {
        $channel->{auth} = 'none';
        $channel->{status} = 'suspended' if $status eq 'active';
        remark($where, 'it has no key. Write a ChannelKey instead of ChannelAuth none before it is made active.', $channel);
    }
    $channel->{status} = 'disabled' if $channel->{unserved};
    $channel->{priority} = ($entry->{priority} // 0) || $index;
    $channel->{map} = models_of($entry, $where, $channel);
    $channel->{comments} = [ map { $_ . ': ' . shown($entry->{$_}) } grep { length($entry->{$_} // '') } qw(description website) ];
    if ($entry->{insecureSkipVerify}) {
        $channel->{insecure} = 1;
        remark($where, 'its certificate is not checked, as before: keys and prompts can be read on the way. If the provider has an '
            . 'authority of its own, name it with ChannelTLSCAFile and take ChannelTLSVerify Off away.', $channel);
    }
    remark($where, 'lowQuality has no equal: usage is told as the provider tells it. Nothing to do.', $channel) if $entry->{lowQuality};
    signatures($entry, $where, $channel) if $kind->{name} eq 'gemini' && $service eq 'gemini';
    remark($where, 'the promotion until ' . shown($entry->{promotionUntil}) . ' is left out: it was for minutes. A lower '
        . 'ChannelPriority prefers a channel for good.', $channel) if length($entry->{promotionUntil} // '');
    remark($where, '"' . shown($_) . '" is no member that claude-proxy had up to v2.5, and is left out. See whether it matters.', $channel)
        for unknown_members($entry, 1);
    return $channel;
}

sub signatures {
    my ($entry, $where, $channel) = @_;
    if ($entry->{stripThoughtSignature}) {
        $channel->{option} = 'thought-signatures=off';
        remark($where, 'stripThoughtSignature: what a Gemini client sends to a Gemini provider passes unchanged, so the option takes '
            . 'signatures only from converted requests. Have the client send none.', $channel);
    }
    elsif ($entry->{injectDummyThoughtSignature}) {
        remark($where, 'injectDummyThoughtSignature: missing signatures are filled in where a request is converted; what a Gemini '
            . 'client sends to a Gemini provider passes unchanged. Nothing to do, unless a client loses signatures.', $channel);
    }
    return;
}

1;
