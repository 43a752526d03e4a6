# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeProxyImport::Report;

=head1 NAME

ClaudeProxyImport::Report - what has no equal, and what is to be looked at

=cut

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(remark shown hide forget lines general of_channel);

my @remarks;    # { place, text, channel }, in the order found
my @secrets;

# A remark says why, and what to do. One about a channel is shown before it in the .conf.
sub remark {
    my ($place, $text, $channel) = @_;
    push @remarks, { place => $place, text => $text, channel => $channel };
    return;
}

# Text as it may be shown: one line, without keys.
sub shown {
    my ($text) = @_;
    for my $secret (@secrets) {
        $text =~ s/\Q$secret\E/***/g;
    }
    $text =~ s/[\s\p{Cntrl}]+/ /g;
    $text =~ s/^ | $//g;
    return length $text > 200 ? substr($text, 0, 200) . '...' : $text;
}

# Names what must not be shown. A key of a few letters may be a word of any text.
sub hide {
    my (@keys) = @_;
    @secrets = sort { length $b <=> length $a } @secrets, grep { length >= 6 } @keys;
    return;
}

sub line { return "$_[0]{place}: $_[0]{text}" }

sub lines { return map { line($_) } @remarks }

# Forgets what was said about these channels.
sub forget {
    my (@channels) = @_;
    my %gone = map { ($_ => 1) } @channels;
    @remarks = grep { !$_->{channel} || !$gone{ $_->{channel} } } @remarks;
    return;
}

# What was said about none of these channels, ...
sub general {
    my (@channels) = @_;
    my %shown = map { ($_ => 1) } @channels;
    return map { line($_) } grep { !$_->{channel} || !$shown{ $_->{channel} } } @remarks;
}

# ... and about one.
sub of_channel {
    my ($channel) = @_;
    return map { $_->{text} } grep { $_->{channel} && $_->{channel} == $channel } @remarks;
}

1;
