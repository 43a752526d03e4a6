# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Scheduling;

=head1 NAME

ClaudeTest::Scheduling - what of docs/scheduling.md is made: the table of failures from
src/sched/verdicts.def, the tables and the plot of the simulation by bench/simulate

=cut

use strict;
use warnings;

use Exporter 'import';
use File::Temp qw(tempfile);

use ClaudeTest::Sources qw(text top);

our @EXPORT_OK = qw(verdict_rows scheduling_document simulation);

# Between "<!-- NAME: made ... -->" and "<!-- NAME end -->".
sub put {
    my ($doc, $name, $made) = @_;
    $doc =~ s/^(<!-- \Q$name\E: made [^\n]*-->\n).*?^(?=<!-- \Q$name\E end -->\n)/$1\n$made\n/ms
        or die "docs/scheduling.md: no place for $name\n";
    return $doc;
}

my %verdict = (
    GIVE         => 'to the client',
    NEXT_KEY     => 'next key',
    NEXT_URL     => 'next URL',
    NEXT_CHANNEL => 'next channel',
);
my %fault = (
    NONE        => 'nobody\'s',
    PROVIDER    => 'the provider\'s',
    KEY         => 'the key\'s',
    QUOTA_KEY   => 'key rests',
    QUOTA_MODEL => 'key rests for the model',
    OVERLOAD    => 'channel rests, or the provider\'s',
);

# Rows as hashes: statuses, classes, dialect, words, texts, verdict, fault, why.
sub verdict_rows {
    my $def = text('src/sched/verdicts.def');
    my $string = qr/(?:"(?:[^"\\]|\\.)*"\s*)+/;
    my @rows;
    while ($def =~ /^ROW\(\s*($string),\s*($string),\s*($string),\s*($string),\s*($string),\s*(\w+),\s*(\w+),\s*($string)\)/gm) {
        my @f = ($1, $2, $3, $4, $5, $6, $7, $8);
        for (@f) { $_ = join '', /"((?:[^"\\]|\\.)*)"/g if /^"/ }
        my %row;
        @row{qw(statuses classes dialect words texts verdict fault why)} = @f;
        push @rows, \%row;
    }
    my $lines = () = $def =~ /^ROW\(/mg;
    die "verdicts.def: a row that cannot be read\n" if $lines != @rows;
    return @rows;
}

sub list {
    my ($text) = @_;
    return join ', ', map { "`$_`" } split /\|/, $text;
}

sub cell_of_status {
    my ($statuses) = @_;
    return 'any' if $statuses eq '';
    return 'none came' if $statuses eq '0';
    return join ', ', map { $_ eq '500-599' ? '5xx' : $_ } split ' ', $statuses;
}

sub says {
    my ($row) = @_;
    my @says;
    push @says, 'read as ' . join(' or ', map { s/_/ /gr } split ' ', $row->{classes}) if $row->{classes};
    push @says, "channel's protocol `$row->{dialect}`" if $row->{dialect};
    my @or;
    push @or, 'type or code ' . list($row->{words}) if $row->{words};
    push @or, 'message with ' . list($row->{texts}) if $row->{texts};
    push @says, join '; or ', @or if @or;
    return join '; ', @says if @says;
    return $row->{statuses} eq '' ? 'all else' : 'anything';
}

sub table {
    my $out = "| status | what it says | then | whose fault | why |\n|---|---|---|---|---|\n";
    for my $row (verdict_rows()) {
        $out .= '| ' . join(' | ', cell_of_status($row->{statuses}), says($row), $verdict{ $row->{verdict} },
            $fault{ $row->{fault} }, $row->{why}) . " |\n";
    }
    return $out;
}

# Tables and plot of the simulation; nothing if it is not built.
sub simulation {
    my $program = top() . '/build/release/bench/simulate';
    return if !-x $program;
    my ($fh, $plot) = tempfile(UNLINK => 1);
    my $tables = qx($program $plot);
    die "$program failed\n" if $?;
    local $/;
    return ($tables =~ s/\n+\z/\n/r, scalar <$fh>);
}

# The document with its tables made anew; those of the simulation stay if there is none.
sub scheduling_document {
    my ($tables) = @_;
    my $doc = put(text('docs/scheduling.md'), 'verdicts', table());
    return defined $tables ? put($doc, 'simulation', $tables) : $doc;
}

1;
