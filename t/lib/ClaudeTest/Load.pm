# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Load;

=head1 NAME

ClaudeTest::Load - requests as fast as they are answered, while a test does something else

=head1 SYNOPSIS

  my $load = ClaudeTest::Load->start(4, sub { my ($worker, $i) = @_; return request(...) });
  ...
  my $sum = $load->stop;    # {tried, answered, whole, wrong}

A request is answered when it got a status, and whole when that was 200 and the body complete. What the others got is
in `wrong`: a list of texts.

=cut

use strict;
use warnings;

use IO::Select ();
use POSIX ();

sub start {
    my ($class, $workers, $ask) = @_;
    my @workers;
    for my $worker (1 .. $workers) {
        pipe my $stop, my $go or die "pipe: $!\n";
        pipe my $result, my $tell or die "pipe: $!\n";
        defined(my $pid = fork) or die "fork: $!\n";
        if (!$pid) {
            close $_ for $go, $result, map { $_->{go} } @workers;
            work($worker, $ask, IO::Select->new($stop), $tell);
            POSIX::_exit(0);
        }
        push @workers, { pid => $pid, go => $go, result => $result };
    }
    return bless { workers => \@workers }, $class;
}

sub work {
    my ($worker, $ask, $stop, $tell) = @_;
    my ($tried, $answered, $whole) = (0, 0, 0);
    my @wrong;
    until ($stop->can_read(0)) {
        my $r = eval { $ask->($worker, $tried++) } || { body => $@ };
        $answered++ if $r->{status};
        if (($r->{status} // 0) == 200 && $r->{complete}) {
            $whole++;
        }
        elsif (@wrong < 5) {
            push @wrong, join(' ', $r->{status} // 'no status', substr $r->{body} // '', -200) =~ s/\s+/ /gr;
        }
    }
    syswrite $tell, join "\n", "$tried $answered $whole", @wrong;
    return;
}

sub stop {
    my ($self) = @_;
    my %sum = (tried => 0, answered => 0, whole => 0, wrong => []);
    close $_->{go} for @{ $self->{workers} };
    for my $worker (@{ $self->{workers} }) {
        my $fh = $worker->{result};
        my ($counts, @wrong) = <$fh>;
        my @n = split ' ', $counts // '0 0 0';
        $sum{tried} += $n[0];
        $sum{answered} += $n[1];
        $sum{whole} += $n[2];
        chomp @wrong;
        push @{ $sum{wrong} }, @wrong;
        waitpid $worker->{pid}, 0;
    }
    return \%sum;
}

1;
