# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Host;

=head1 NAME

ClaudeTest::Host - servers of a test's own, beside the one all tests share

=head1 DESCRIPTION

What needs several hosts, a start from nothing, or other programs. All that is started ends with the test.

=cut

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use IO::Socket::INET ();
use POSIX ();
use Test::More;

use ClaudeTest ();

our @EXPORT_OK = qw(free_port host_dir host_start program program_start program_stop slurp spill);

my $dir = File::Temp::tempdir('clp-hosts-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my %pid;

# The test's own directory; a host has a directory of its name in it.
sub host_dir { return $dir }

sub spill {
    my ($path, $text) = @_;
    open my $fh, '>:raw', $path or die "$path: $!\n";
    print {$fh} $text;
    close $fh or die "$path: $!\n";
    return;
}

# A file's content, '' if there is none.
sub slurp {
    my ($path) = @_;
    open my $fh, '<:raw', $path or return '';
    local $/;
    return <$fh>;
}

sub free_port {
    my $held = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "no port: $@\n";
    return $held->sockport;
}

sub program {
    my ($name) = @_;
    return (grep { -x } map { "$_/$name" } split(/:/, $ENV{PATH}), '/usr/bin')[0]
        // die "no $name: packaging/install-deps.sh test brings it\n";
}

# Start a program that listens on the port; whether it does.
sub program_start {
    my ($name, $port, @command) = @_;
    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/$name.out";
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }
    $pid{$name} = $pid;
    my $up = ClaudeTest::wait_for(20, sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) });
    diag slurp("$dir/$name.out"), slurp("$dir/$name/error_log") if !$up;
    return ok $up, "$name is up";
}

sub program_stop {
    my ($name) = @_;
    my $pid = delete $pid{$name} or return;
    kill TERM => $pid;
    waitpid $pid, 0;
    return;
}

END {
    my $status = $?;
    program_stop($_) for keys %pid;
    $? = $status;
}

# How often a server has come up, by its log.
sub times_up {
    my ($log) = @_;
    return scalar(() = slurp($log) =~ /resuming normal operations/g);
}

# Start an httpd with the module and these lines of configuration; its address, or nothing.
sub host_start {
    my ($name, @lines) = @_;
    my $vars = Apache::Test::config()->{vars};
    my $shared = slurp("$vars->{t_conf}/base.conf");
    my ($libexec) = $shared =~ /^LoadModule mpm_event_module "?(.*)\/mod_mpm_event\.so/m;
    my ($module) = $shared =~ /^LoadModule claude_proxy_module "?([^"\n]*)/m;
    my $port = free_port();

    mkdir "$dir/$name" or $!{EEXIST} or die "$dir/$name: $!\n";
    spill("$dir/$name.conf", join '', map { "$_\n" } (
        "ServerRoot $dir/$name", 'ServerName localhost', "Listen 127.0.0.1:$port", "PidFile $dir/$name/pid",
        "DefaultRuntimeDir $dir/$name", "ErrorLog $dir/$name/error_log", 'LogLevel info',
        (map { "LoadModule ${_}_module $libexec/mod_$_.so" } qw(mpm_event authn_core authz_core
            socache_redis socache_memcache socache_shmcb socache_dbm)),
        "LoadModule claude_proxy_module $module", 'ServerLimit 2', 'StartServers 2',
        'ThreadsPerChild 4', 'MaxRequestWorkers 8', @lines));
    my $log = "$dir/$name/error_log";
    my $before = times_up($log);
    program_start($name, $port, $vars->{httpd}, '-DFOREGROUND', '-f', "$dir/$name.conf") or return;
    # It listens before it has read all of its state: what it says of that is in the log now.
    ClaudeTest::wait_for(20, sub { times_up($log) > $before }) or return;
    return "127.0.0.1:$port";
}

1;
