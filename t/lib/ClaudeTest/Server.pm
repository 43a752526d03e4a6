# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Server;

=head1 NAME

ClaudeTest::Server - an httpd of a test's own, that it may stop and start

=head1 SYNOPSIS

  my $server = ClaudeTest::Server->new('name', "ClaudeProxy On\n...");
  $server->start or BAIL_OUT('no server');
  request(hostport => $server->hostport, ...);
  $server->stop;

It runs the event MPM, has the upstream of the run, no module that the configuration does not load
beyond the least, and ends with the test.

=cut

use strict;
use warnings;

use File::Temp ();
use IO::Socket::INET ();
use POSIX ();
use Time::HiRes qw(sleep time);

my @all;

END {
    my $status = $?;
    $_->stop for @all;
    $? = $status;
}

sub slurp {
    my ($path) = @_;
    open my $fh, '<', $path or return '';
    local $/;
    return scalar <$fh>;
}

sub spill {
    my ($path, $text) = @_;
    open my $fh, '>', $path or die "$path: $!\n";
    print {$fh} $text;
    close $fh or die "$path: $!\n";
    return;
}

# Lines that load modules of httpd.
sub modules {
    my (@names) = @_;
    my ($libexec) = slurp(Apache::Test::config()->{vars}{t_conf} . '/base.conf') =~ m{^LoadModule mpm_\w+_module "?(.*)/mod_mpm_\w+\.so}m;
    return join '', map { "LoadModule ${_}_module $libexec/mod_$_.so\n" } @names;
}

sub new {
    my ($class, $name, $conf) = @_;
    my $dir = File::Temp::tempdir("clp-$name-XXXXXX", TMPDIR => 1, CLEANUP => 1);
    my $held = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "no port: $@\n";
    my $self = bless { name => $name, dir => $dir, port => $held->sockport, vars => Apache::Test::config()->{vars} }, $class;
    $self->configure($conf);
    push @all, $self;
    return $self;
}

# Write the configuration; it counts from the next start or graceful restart on.
sub configure {
    my ($self, $conf) = @_;
    my $base = slurp("$self->{vars}{t_conf}/base.conf");
    my ($module) = $base =~ m{^LoadModule claude_proxy_module "?([^"\n]*)}m;
    my $dir = $self->{dir};
    spill("$dir/httpd.conf", join("\n",
            "ServerRoot $dir", 'ServerName localhost', "Listen 127.0.0.1:$self->{port}", "PidFile $dir/pid",
            "DefaultRuntimeDir $dir", "ErrorLog $dir/error_log", 'LogLevel info',
            modules(qw(mpm_event authn_core authz_core)) . "LoadModule claude_proxy_module $module", $conf) . "\n");
    return;
}

sub hostport { return "127.0.0.1:$_[0]{port}" }
sub dir { return $_[0]{dir} }
sub error_log { return slurp("$_[0]{dir}/error_log") }

sub pid {
    my ($self) = @_;
    my ($pid) = slurp("$self->{dir}/pid") =~ /(\d+)/;
    return $pid;
}

sub children {
    my ($self) = @_;
    my $parent = $self->pid or return;
    return split ' ', slurp("/proc/$parent/task/$parent/children");
}

sub is_up {
    my ($self) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port});
}

# 1 when it answers.
sub start {
    my ($self) = @_;
    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$self->{dir}/out";
        open STDERR, '>&', \*STDOUT;
        exec $self->{vars}{httpd}, '-DFOREGROUND', '-f', "$self->{dir}/httpd.conf" or POSIX::_exit(127);
    }
    $self->{started} = $pid;
    my $until = time + 20;
    while (!$self->is_up) {
        if (time > $until) {
            warn slurp("$self->{dir}/out"), $self->error_log;
            return 0;
        }
        sleep 0.05;
    }
    return 1;
}

# A graceful restart to its end: none of the children is left that were there before.
sub graceful {
    my ($self) = @_;
    my %old = map { $_ => 1 } $self->children;
    kill USR1 => $self->pid;
    my $until = time + 20;
    while (time < $until) {
        my @now = $self->children;
        return 1 if @now && !grep { $old{$_} } @now;
        sleep 0.05;
    }
    return 0;
}

# `signal` may be KILL: then the children are left to themselves.
sub stop {
    my ($self, $signal) = @_;
    my $pid = delete $self->{started} or return;
    kill $signal // 'TERM' => $pid;
    waitpid $pid, 0;
    return;
}

1;
