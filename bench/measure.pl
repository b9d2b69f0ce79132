# Runs a command with its output thrown away and prints what it cost, from wait4(2): "user system maxrss code", in
# microseconds, microseconds, KiB and as wait status. Perl, for Node gives no rusage of a child, time(1) may be missing,
# and a small parent keeps the child's maxrss its own (fork hands the parent's on).
use strict;
my %wait4 = ('x86_64' => 61, 'aarch64' => 260);
my $machine = (POSIX::uname())[4];
my $number = $wait4{$machine} or die "no number of wait4 for $machine\n";
use POSIX ();
my $pid = fork() // die "fork: $!\n";
if ($pid == 0) {
  open(STDOUT, '>', '/dev/null');
  open(STDERR, '>', '/dev/null');
  open(STDIN, '<', '/dev/null');
  exec { $ARGV[0] } @ARGV;
  POSIX::_exit(127);
}
my ($status, $usage) = (pack('i', 0), "\0" x 144);
syscall($number, $pid, $status, 0, $usage) == $pid or die "wait4: $!\n";
my ($us, $uus, $ss, $sus, $rss) = unpack('q5', $usage);
print $us * 1e6 + $uus, ' ', $ss * 1e6 + $sus, ' ', $rss, ' ', unpack('i', $status), "\n";
