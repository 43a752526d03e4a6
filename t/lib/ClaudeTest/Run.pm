# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Run;

=head1 NAME

ClaudeTest::Run - Apache::TestRun with the scripted upstream beside the server

=cut

use strict;
use warnings;

use parent 'Apache::TestRun';

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp ();
use IO::Socket::INET ();
use IO::Socket::UNIX ();
use POSIX ();

use ClaudeTest::Gate ();
use ClaudeTest::Harness ();

my $top = abs_path(dirname(__FILE__) . '/../../..');
my $variant = $ENV{CLP_VARIANT} || 'release';
my $module = $ENV{CLP_MODULE} || "$top/build/$variant/mod_claude_proxy.so";

# Run, and give the exit status.
sub go {
    my ($class, @args) = @_;
    return in_a_copy(@args) if $> == 0 || $ENV{CLP_TEST_COPY};

    chdir $top or die "$top: $!\n";
    -e $module or die "t/TEST: $module is not there; run make first\n";
    my $starts = !grep { /^-(?:run-tests|stop-httpd|clean|help)$/ } @args;
    prepare() if $starts || grep { $_ eq '-start-httpd' } @args;

    $ENV{CLP_PLANTED_KEY} = 'planted-in-the-environment-0123456789';
    my $apxs = $ENV{APXS} || '/usr/bin/apxs';
    my $httpd = $variant eq 'asan' ? "$top/t/lib/httpd-asan" : $ENV{CLP_HTTPD} || '/usr/sbin/apache2';
    my @tests = grep { /\.(?:t|mjs)$/ } @args;
    @args = grep { !/\.(?:t|mjs)$/ } @args;
    my $run = $class->new;
    $run->{clp_tests} = \@tests;
    $run->{clp_failed} = 1;
    $run->run(@args, '-apxs', $apxs, '-httpd', $httpd, '-httpd_conf', "$top/t/conf/base.conf",
        '-port', port_base());
    return $run->{clp_failed} ? 1 : 0;
}

# Whom the run belongs to: root is no use to Apache::Test.
sub owner {
    return ($>, (split ' ', $))[0]) if $> != 0;
    my $user = $ENV{CLP_TEST_USER} || 'nobody';
    my (undef, undef, $uid, $gid) = getpwnam $user or die "t/TEST: no user $user\n";
    return ($uid, $gid);
}

# A copy of the tree, which for root belongs to somebody else, and the run in there. Its logs are brought back to t/logs, or
# t/logs-VARIANT.
sub in_a_copy {
    my (@args) = @_;
    my ($uid, $gid) = owner();
    -e $module or die "t/TEST: $module is not there; run make first\n";
    die "t/TEST: -start-httpd and the like are for other users than root, and not for copies\n"
        if grep { /^-(?:start-httpd|run-tests|stop-httpd)$/ } @args;

    my $copy = File::Temp::tempdir('clp-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    make_path("$copy/build/$variant");
    my @parts = grep { -e "$top/$_" } qw(t conf packaging include src docs Makefile.apxs README.md
        mod_claude_proxy.c);
    system('tar', '-C', $top, '--exclude=t/clients/node_modules', '--exclude=t/logs*', '-cf',
        "$copy/tree.tar", @parts) == 0 && system('tar', '-C', $copy, '-xf', "$copy/tree.tar") == 0
        && system('cp', $module, "$copy/build/$variant/") == 0 or die "t/TEST: cannot copy the tree\n";
    unlink "$copy/tree.tar";
    system('cp', '-a', "$top/t/clients/node_modules", "$copy/t/clients/") == 0
        or die "t/TEST: cannot copy the SDKs\n"
        if -d "$top/t/clients/node_modules";
    $> != 0 || system('chown', '-R', "$uid:$gid", $copy) == 0 or die "t/TEST: cannot hand over the copy\n";
    chmod 0755, $copy;

    my $counts = $ENV{CLP_COUNTS};
    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        $ENV{HOME} = $copy;
        $ENV{TMPDIR} = $copy;
        $ENV{CLP_COUNTS} = "$copy/counts" if $counts;
        delete @ENV{qw(CLP_MODULE CLP_TEST_COPY)};
        if ($> == 0) {
            $) = "$gid $gid";
            POSIX::setgid($gid);
            POSIX::setuid($uid);
        }
        chdir $copy and exec $^X, "$copy/t/TEST", @args or die "exec: $!\n";
    }
    waitpid $pid, 0;
    my $status = $?;
    if ($counts && open my $from, '<', "$copy/counts") {
        open my $to, '>>', $counts or die "$counts: $!\n";
        print {$to} <$from>;
    }
    my $logs = "$top/t/logs" . ($variant eq 'release' ? '' : "-$variant");
    remove_tree($logs);
    system 'cp', '-r', '--no-preserve=ownership', "$copy/t/logs", $logs if -d "$copy/t/logs";
    return $status ? 1 : 0;
}

# The first of the ports that the server's hosts take one after the other. A socket with its name keeps other runs away from
# them until this one ends.
my $held_ports;

sub port_base {
    for my $base (map { 8500 + 100 * $_ } 1 .. 60) {
        $held_ports = IO::Socket::UNIX->new(Local => "\0clp-test-ports-$base", Listen => 1) or next;
        return $base if IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $base, Listen => 1, ReuseAddr => 1);
    }
    die "t/TEST: no ports\n";
}

sub free_ports {
    my ($n) = @_;
    my @held = map {
        IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) // die "no port: $@\n"
    } 1 .. $n;
    return map { $_->sockport } @held;
}

# Configuration that httpd's own cannot compute: paths, and ports nobody has.
sub prepare {
    remove_tree("$top/t/logs");
    make_path("$top/t/logs", "$top/t/htdocs");
    unlink glob "$top/t/conf/{httpd.conf,extra.conf,manage.conf,scheduler.conf,apache_test_config.pm,base.conf}";
    my ($upstream, $void, $refused, $tls, $tls_client) = free_ports(5);
    my $libexec = $ENV{CLP_LIBEXEC} || qx(apxs -q LIBEXECDIR) || '/usr/lib/apache2/modules';
    chomp $libexec;
    my %value = (LIBEXEC => $libexec, MODULE => $module, MPM => $ENV{CLP_MPM} || 'event');
    open my $in, '<', "$top/t/conf/base.template" or die "base.template: $!\n";
    open my $out, '>', "$top/t/conf/base.conf" or die "base.conf: $!\n";
    while (<$in>) {
        s/\@(LIBEXEC|MODULE|MPM)\@/$value{$1}/g;
        print {$out} $_;
    }
    close $out or die "base.conf: $!\n";
    open my $ports, '>', "$top/t/conf/ports.conf" or die "ports.conf: $!\n";
    print {$ports} "Define LIBEXEC $libexec\nDefine UPSTREAM_PORT $upstream\nDefine VOID_PORT $void\n",
        "Define REFUSED_PORT $refused\nDefine TLS_PORT $tls\nDefine TLS_CLIENT_PORT $tls_client\n";
    close $ports or die "ports.conf: $!\n";
    # The file of ClaudeAccessKeyFile has to be there at the start.
    open my $keys, '>', "$top/t/logs/keys" or die "keys: $!\n";
    chmod 0600, "$top/t/logs/keys";
    print {$keys} "first first-file-key\n";
    close $keys or die "keys: $!\n";
    # And where t/secrets.t has channel keys from.
    open my $secret, '>', "$top/t/logs/channel.key" or die "channel.key: $!\n";
    chmod 0600, "$top/t/logs/channel.key";
    print {$secret} "planted-in-a-file-0123456789\n";
    close $secret or die "channel.key: $!\n";
    certificates("$top/t/logs/tls");
    return;
}

# Servers must not outlive a run that failed half-way.
my ($upstream_pid, $owner);

END {
    my $status = $?;
    end_upstream() if $upstream_pid && $owner == $$;
    $? = $status;
}

sub end_upstream {
    kill TERM => $upstream_pid;
    waitpid $upstream_pid, 0;
    undef $upstream_pid;
    unlink "$top/t/logs/upstream.pid";
    return;
}

# An authority of our own, a server's certificate from it, and a client's.
sub certificates {
    my ($dir) = @_;
    make_path($dir);
    open my $saved, '>&', \*STDERR or die "STDERR: $!\n";
    open STDERR, '>', "$dir/openssl.log" or die "openssl.log: $!\n";
    my @new_key = qw(openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes);
    system(@new_key, qw(-x509 -days 30 -subj /CN=ca), '-keyout', "$dir/ca.key", '-out', "$dir/ca.pem") == 0
        or die "openssl: $?\n";
    for my $name (qw(server client)) {
        my $alt = $name eq 'server' ? 'subjectAltName=DNS:localhost,IP:127.0.0.1' : 'extendedKeyUsage=clientAuth';
        open my $ext, '>', "$dir/$name.ext" or die "$name.ext: $!\n";
        print {$ext} "basicConstraints=CA:FALSE\n$alt\n";
        close $ext;
        system(@new_key, '-subj', "/CN=$name", '-keyout', "$dir/$name.key", '-out', "$dir/$name.csr") == 0
            && system(qw(openssl x509 -req -days 30 -CAcreateserial), '-CA', "$dir/ca.pem",
            '-CAkey', "$dir/ca.key", '-in', "$dir/$name.csr",
            '-extfile', "$dir/$name.ext", '-out', "$dir/$name.crt") == 0
            && system("cat '$dir/$name.crt' '$dir/$name.key' > '$dir/$name.pem'") == 0
            or die "openssl: $?\n";
    }
    open STDERR, '>&', $saved or die "STDERR: $!\n";
    return;
}

sub ports {
    my %port;
    open my $fh, '<', "$top/t/conf/ports.conf" or die "ports.conf: $!\n";
    while (<$fh>) {
        $port{ lc $1 } = $2 if /^Define (\w+)_PORT (\d+)/;
    }
    return \%port;
}

sub start {
    my ($self) = @_;
    if ($self->{opts}{'start-httpd'}) {
        $SIG{TERM} = sub { exit 1 };    # Apache::Test ends itself so when httpd does not start
        my $port = ports();
        defined(my $pid = fork) or die "fork: $!\n";
        if (!$pid) {
            open STDERR, '>>', "$top/t/logs/upstream_log";
            exec $^X, "$top/t/lib/upstream.pl", $port->{upstream}, $port->{void} or die "exec: $!\n";
        }
        open my $fh, '>', "$top/t/logs/upstream.pid" or die "upstream.pid: $!\n";
        print {$fh} "$pid\n";
        close $fh;
        ($upstream_pid, $owner) = ($pid, $$);
        for (1 .. 100) {
            last if IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port->{upstream});
            select undef, undef, undef, 0.05;
        }
    }
    $self->SUPER::start;
    undef $upstream_pid if !$self->{opts}{'stop-httpd'};
    return;
}

sub run_tests {
    my ($self) = @_;
    $self->{clp_failed} = 0;
    return if !$self->{opts}{'run-tests'};
    my @tests = @{ $self->{clp_tests} };
    @tests = (sort(glob 't/*.t'), sort(glob 't/clients/*.mjs')) if !@tests;
    # Where the SDK clients find everything.
    my $vhosts = $self->{test_config}{vhosts};
    $ENV{"CLP_URL_$_"} = "http://127.0.0.1:$vhosts->{$_}{port}" for keys %$vhosts;
    $ENV{CLP_UPSTREAM} = 'http://127.0.0.1:' . ports()->{upstream};
    my $title = $variant eq 'release' ? 'server' : "server ($variant)";
    $self->{clp_failed} = !ClaudeTest::Harness::run($title, \@tests,
        verbose => $self->{opts}{verbose}, lib => ["$top/t/lib"]);
    return;
}

sub stop {
    my ($self) = @_;
    return if !$self->{opts}{'stop-httpd'};
    $self->SUPER::stop;
    if (open my $fh, '<', "$top/t/logs/upstream.pid") {
        chomp($upstream_pid = <$fh>);
        end_upstream();
    }
    return if !$self->{opts}{'run-tests'};
    $self->{clp_failed} = 1 if !ClaudeTest::Gate::passes("$top/t/logs", "server log ($variant)");
    return;
}

1;
