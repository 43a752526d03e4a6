# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeProxyImport::Groups;

=head1 NAME

ClaudeProxyImport::Groups - the lists of claude-proxy: which channels serve which clients

=cut

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

use ClaudeProxyImport::Channels qw(channel);
use ClaudeProxyImport::Input qw(kinds unknown_members);
use ClaudeProxyImport::Report qw(remark shown forget);

our @EXPORT_OK = qw(groups remark_lists);

my $max_priority = 1_000_000;

# Status of each entry as claude-proxy had it in force.
sub statuses {
    my ($config, $kind, $list) = @_;
    my @status = map { $_->{status} // '' } @$list;
    if ($kind->{current} && !grep { length } @status) {
        my $current = $config->{ $kind->{current} } // 0;
        $current = 0 if $current < 0 || $current > $#$list;
        @status = map { $_ == $current ? 'active' : 'disabled' } 0 .. $#$list;
        remark($kind->{list}, "no channel has a status; as claude-proxy did, number $current is active and the others are "
            . 'disabled. Change their ChannelStatus to have them take part in failover.') if @$list > 1;
    }
    for my $i (0 .. $#$list) {
        $status[$i] ||= 'active';
        if ($status[$i] !~ /^(?:active|suspended|disabled)$/) {
            remark("$kind->{list}\[$i]", 'its status is neither active, suspended nor disabled; claude-proxy never chose it. It is '
                . 'suspended here.');
            $status[$i] = 'suspended';
        }
        $status[$i] = 'suspended' if $status[$i] eq 'active' && !@{ $list->[$i]{apiKeys} || [] };
    }
    if (@$list && !grep({ $_ eq 'active' } @status) && grep({ $_ ne 'disabled' } @status) <= 1 && @{ $list->[0]{apiKeys} || [] }) {
        remark("$kind->{list}\[0]", "claude-proxy used this channel although it is $status[0], since no other was left. It is active "
            . 'here.');
        $status[0] = 'active';
    }
    return @status;
}

# Lists that say the same become one group: [kinds], [channels].
sub groups {
    my ($config) = @_;
    my (@groups, %same);
    for my $kind (kinds()) {
        my $list = $config->{ $kind->{list} };
        my @status = statuses($config, $kind, $list);
        my @channels = map { channel($kind, $_, $list->[$_], $status[$_]) // () } 0 .. $#$list;
        next if !@channels;
        my $digest = JSON::PP->new->canonical->encode([ map { my %c = %$_; delete @c{qw(kind where)}; \%c } @channels ]);
        if (my $group = $same{$digest}) {
            forget(@channels);
            push @{ $group->{kinds} }, $kind;
            remark($kind->{list}, "it says the same as $group->{kinds}[0]{list}; its channels are written once, and serve both.");
            next;
        }
        push @groups, $same{$digest} = { kinds => [$kind], channels => order_channels($kind, \@channels),
            active => scalar grep { $_->{status} eq 'active' } @channels };
    }
    $_->{name} = join '-', map { $_->{name} } @{ $_->{kinds} } for @groups;
    name_channels(@groups);
    return @groups;
}

sub order_channels {
    my ($kind, $channels) = @_;
    my @sorted = sort { $a->{priority} <=> $b->{priority} || $a->{index} <=> $b->{index} } @$channels;
    if (grep { $_->{priority} < 0 || $_->{priority} > $max_priority } @sorted) {
        remark($kind->{list}, "a priority is not from 0 to $max_priority; the channels are numbered anew, in the same order.");
        $sorted[$_]{priority} = 10 * ($_ + 1) for 0 .. $#sorted;
    }
    return \@sorted;
}

sub name_channels {
    my (@groups) = @_;
    my %taken = (access => '');    # access.keys is the clients'
    for my $channel (map { @{ $_->{channels} } } @groups) {
        my ($host) = $channel->{urls}[0] =~ m{//([^/:#]+|\[[^]]+\])};
        my ($base) = grep { length } map { s/[^A-Za-z0-9._-]+/-/gr =~ s/^[-.]+|[-.]+$//gr } $channel->{title}, $host, $channel->{kind};
        my $n = 1;
        my $name = substr $base, 0, 64;
        while (exists $taken{ lc $name }) {
            my $suffix = $n++ == 1 && $taken{ lc $name } && $taken{ lc $name } ne $channel->{kind} ? $channel->{kind} : $n;
            $name = substr($base, 0, 63 - length $suffix) . "-$suffix";
        }
        $taken{ lc $name } = $channel->{kind};
        $channel->{name} = $name;
        remark($channel->{where}, "it is called $name here.", $channel) if $name ne $channel->{title};
    }
    return;
}

# Keys in turn or by chance, as the first releases took them; a remark where that was no more.
sub order_keys {
    my ($config, @groups) = @_;
    # The lists for Gemini, fuzzy mode and several URLs came after keys were taken in turn.
    my $later = @{ $config->{geminiUpstream} } || grep { exists $config->{$_} } qw(geminiLoadBalance fuzzyModeEnabled);
    for my $kind (kinds()) {
        my $how = $config->{ $kind->{balance} } || $config->{loadBalance} // '';
        next if $how !~ /^(?:round-robin|random)$/ || !@{ $config->{ $kind->{list} } };
        if ($later) {
            remark($kind->{balance}, "claude-proxy kept $how, but used channels and keys in their order since v2.4. They are "
                . 'here too; ChannelKeyOrder and ClaudeStrategy can do otherwise.') if $config->{ $kind->{balance} };
            next;
        }
        for my $channel (grep { $_->{kind} eq $kind->{name} } map { @{ $_->{channels} } } @groups) {
            $channel->{key_order} = $how eq 'random' ? 'random' : 'rotate' if @{ $channel->{keys} } > 1;
        }
    }
    return $later;
}

# What is different for the lists as a whole.
sub remark_lists {
    my ($config, @groups) = @_;
    my $later = order_keys($config, @groups);
    remark('fuzzyModeEnabled', 'with fuzzy mode claude-proxy tried other keys and channels after every error, also those about the '
        . 'request itself. Here such errors go to the client at once (docs/channels.md, Failover). Nothing to do.')
        if $later && (!defined $config->{fuzzyModeEnabled} || $config->{fuzzyModeEnabled});
    remark('upstream', 'claude-proxy told claude channels that every client was Claude Code (User-Agent). Here the client '
        . 'stays visible. For relays that serve Claude Code only, write ChannelUserAgent "claude-cli/2.0.34 (external, cli)" into '
        . 'the channel.') if grep { $_->{kind} eq 'messages' && $_->{service} eq 'claude' } map { @{ $_->{channels} } } @groups;
    remark('PROXY_ACCESS_KEY', 'claude-proxy took it as ?key= as well. Write ClaudeKeyInQuery On if a client needs that; URLs are '
        . 'logged in many places.') if !$later;
    my %used = map { $_->{name} => 1 } map { @{ $_->{kinds} } } @groups;
    my ($main) = grep { $_->{active} } @groups;
    for my $kind ($main ? grep { !$used{ $_->{name} } } kinds() : ()) {
        remark($kind->{list}, "no channel is in this list, so claude-proxy answered $kind->{path} with 503. Here the channels of "
            . "$main->{kinds}[0]{list} answer, converted. <Location \"$kind->{path}\"> with ClaudeProxy Off closes it.");
    }
    for my $kind (map { @{ $_->{kinds} } } grep { !$_->{active} } @groups) {
        remark($kind->{list}, "none of its channels is active, so $kind->{path} is closed (ClaudeProxy Off). When one is, put a set with "
            . 'it there (ClaudeChannelSet, ClaudeUseSet).');
    }
    remark('config.json', '"' . shown($_) . '" is no member that claude-proxy had up to v2.5, and is left out. See whether it matters.')
        for unknown_members($config);
    return;
}

1;
