# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeProxyImport::Conf;

=head1 NAME

ClaudeProxyImport::Conf - text of the configuration

=cut

use strict;
use warnings;

use Exporter 'import';

use ClaudeProxyImport::Report qw(remark of_channel);

our @EXPORT_OK = qw(head_text channel_text host_text);

# A word of the configuration, in quotes if need be.
sub word {
    my ($text) = @_;
    return $text =~ /^[^\s"'\\#<>][^\s"'\\<>]*$/ ? $text : '"' . $text =~ s/(["\\])/\\$1/gr . '"';
}

# A comment of whole words in lines of 100 columns.
sub comment {
    my ($text, $first) = @_;
    my @lines = ($first // '#');
    for my $piece (split / /, $text) {
        push @lines, '#  ' if length($lines[-1]) + 1 + length $piece > 100;
        $lines[-1] .= " $piece";
    }
    return map { "$_\n" } @lines;
}

# What stands first: where it comes from, and what is remarked about no channel.
sub head_text {
    my (@remarks) = @_;
    return join '', comment('Channels and settings of claude-proxy, by import-claude-proxy. Include it once, after the LoadModule '
        . 'line; it needs mod_authn_core, mod_authz_core and mod_authz_user.'), "#\n",
        comment('What has no equal, or is to be looked at; remarks about a channel stand before it:'), map({ comment($_, '# -') } @remarks);
}

# A channel whose key file is in a directory.
sub channel_text {
    my ($channel, $dir, $timeout, $breaker) = @_;
    my @lines = (
        "ChannelService  $channel->{service}",
        (map { 'ChannelURL      ' . word($_) } @{ $channel->{urls} }),
        @{ $channel->{keys} } ? 'ChannelKey      ' . word("file:$dir/$channel->{name}.keys") : (),
        $channel->{key_order} ? "ChannelKeyOrder $channel->{key_order}" : (),
        $channel->{auth} ? "ChannelAuth     $channel->{auth}" : (),
        "ChannelPriority $channel->{priority}",
        $channel->{status} ne 'active' ? "ChannelStatus   $channel->{status}" : (),
        (map { 'ChannelModelMap ' . word($_->[0]) . ' ' . word($_->[1]) } @{ $channel->{map} }),
        $timeout ? "ChannelTimeout  $timeout" : (),
        $breaker ? "ChannelBreaker  $breaker" : (),
        $channel->{insecure} ? 'ChannelTLSVerify Off' : (),
        $channel->{option} ? "ChannelOption   $channel->{option}" : (),
    );
    return join '', "\n", comment($channel->{where}), map({ comment($_) } @{ $channel->{comments} }),
        map({ comment($_, '# -') } of_channel($channel)), "<ClaudeChannel $channel->{name}>\n", map({ "    $_\n" } @lines),
        "</ClaudeChannel>\n";
}

# [path, line] of the locations below "/" that have another set, or none.
sub locations {
    my ($groups, $main, $sets) = @_;
    my @found;
    for my $group (grep { $_ != $main } @$groups) {
        for my $kind (@{ $group->{kinds} }) {
            push @found, [ $kind->{path}, $group->{active} ? "ClaudeUseSet $group->{name}" : 'ClaudeProxy  Off' ];
        }
    }
    # Models were listed of the first two lists.
    my @listed = grep { $_->{active} && grep { $_->{name} ne 'gemini' } @{ $_->{kinds} } } @$groups;
    if (@listed == 1 && $listed[0] != $main) {
        push @found, [ '/v1/models', "ClaudeUseSet $listed[0]{name}" ];
    }
    elsif (@listed > 1) {
        push @$sets, [ 'models', map { @{ $_->{channels} } } @listed ];
        push @found, [ '/v1/models', 'ClaudeUseSet models' ];
    }
    return @found;
}

# Sets of channels, and the virtual host with these lines in which they serve.
sub host_text {
    my ($groups, $dir, $port, @lines) = @_;
    my ($main) = grep { $_->{active} } @$groups;
    my @sets = map { [ $_->{name}, @{ $_->{channels} } ] } grep { $_->{active} } @$groups > 1 ? @$groups : ();
    my @locations = $main ? locations($groups, $main, \@sets) : ();
    my $shared = $port == 80 || $port == 443;
    my @root = (
        'ClaudeProxy         ' . ($main ? 'On' : 'Off'), 'AuthType            ClaudeKey', 'AuthName            "LLM gateway"',
        'Require             valid-user', 'ClaudeAccessKeyFile ' . word("$dir/access.keys"),
        @sets ? "ClaudeUseSet        $main->{name}" : (),
    );
    remark('PORT', "Apache mostly listens on $port already, so Listen is a comment.") if $shared;
    remark('PORT', "$port is plain HTTP, as it was. For TLS put the lines of <VirtualHost> into one that has it.");
    return join '', "\n", map({ my ($name, @c) = @$_; "ClaudeChannelSet $name " . join(' ', map { $_->{name} } @c) . "\n" } @sets),
        @sets ? "\n" : '', ($shared ? '#' : '') . "Listen $port\n<VirtualHost *:$port>\n", map({ "    $_\n" } @lines),
        "    <Location \"/\">\n", map({ "        $_\n" } @root), "    </Location>\n",
        map({ "    <Location \"$_->[0]\">\n        $_->[1]\n    </Location>\n" } @locations), "</VirtualHost>\n";
}

1;
