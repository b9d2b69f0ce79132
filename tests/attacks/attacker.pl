# The owner of a tree who races a root process: swaps, takes, writes and wrecks what lies in it, in a tight loop.
#   perl attacker.pl UID GO DONE PACE MODE ARGS...
# Run by root, drops to UID at once. Each line on the FIFO GO begins a round; SIGUSR1 ends it, with everything swapped back;
# then one line goes to DONE: how often it struck, and what it was told is written (kind:token:1 where its path shows it).
# Only what perl-base has: the machine needs nothing else.
use strict;
use warnings;
use Fcntl qw(O_WRONLY O_CREAT O_EXCL O_APPEND O_TRUNC);
use POSIX ();

# PACE: microseconds that the victim takes at most.
my ($uid, $go, $done, $pace, $mode, @args) = @ARGV;
my %modes = (swap => \&swap, write => \&writer, log => \&logger, take => \&take, pounce => \&pounce, wreck => \&wreck, turn => \&turn, fake => \&fake);
my $act = $modes{$mode} or die "no such mode: $mode\n";
my $machine = (POSIX::uname())[4];
my $renameat2 = $machine eq 'x86_64' ? 316 : 276;
open(my $orders, '+<', $go) or die "$go: $!\n";
open(my $report, '+>', $done) or die "$done: $!\n";
$) = "$uid $uid";
$( = $uid;
POSIX::setuid($uid);
die "still root\n" if $> == 0 || $< == 0;

my $rest = 0;
my ($struck, @told);
$SIG{USR1} = sub { $rest = 1 };
srand(0 + ($ENV{ATTACK_SEED} // 1));
syswrite($report, "ready\n");
while (1) {
  my $round = '';
  while (substr($round, -1) ne "\n") {
    my $got = sysread($orders, $round, 32, length $round);
    exit 0 if defined $got && $got == 0;
  }
  chomp $round;
  exit 0 if $round eq 'quit';
  ($struck, @told) = (0);
  $act->($round);
  # The signal may come long after the one strike of a round.
  select(undef, undef, undef, .001) until $rest;
  $rest = 0;
  syswrite($report, join(' ', $struck, @told) . "\n");
}

# From a microsecond to the victim's time, each order of magnitude as likely: phases of every length are hit.
sub moment { return exp(rand(log($pace))) }

sub idle {
  my ($microseconds) = @_;
  if ($microseconds > 400) { select(undef, undef, undef, $microseconds / 1e6) unless $rest; return }
  for (1 .. $microseconds * 12) { return if $rest }
}

# The names that a transaction in progress makes.
sub works {
  my ($dir) = @_;
  opendir(my $handle, $dir) or return;
  my @found = grep { /^\.reflake-(?!conflict)/ } readdir $handle;
  closedir $handle;
  return @found;
}

# Until a transaction is seen to be at work in one of the directories (joined by colons), or a while.
sub await_work {
  my @dirs = split /:/, $_[0];
  for (1 .. $pace / 8) {
    return if $rest;
    last if grep { works($_) } @dirs;
  }
  idle(moment()) if rand() < .9;
}

# At any moment, or where a transaction is seen to be at work.
sub lurk { my ($dirs) = @_; rand() < .4 ? idle(moment()) : await_work($dirs) }

sub exchange { return syscall($renameat2, -100, $_[0], -100, $_[1], 2) == 0 }

# DIRS A B [A B...]: the one is the other for a moment.
sub swap {
  my ($dir, @names) = @args;
  until ($rest) {
    lurk($dir);
    last if $rest;
    my $pair = 2 * int(rand(@names / 2));
    my ($one, $other) = @names[$pair, $pair + 1];
    exchange($one, $other) or next;
    idle(moment());
    exchange($one, $other);
    $struck++;
  }
}

sub shows {
  my ($handle, $path) = @_;
  my @there = stat $path;
  my @written = stat $handle;
  return @there && @written && $there[1] == $written[1] && $there[0] == $written[0] ? 1 : 0;
}

# DIR NAME TARGET: as soon as the directory is the attacker's, NAME in it is a link to TARGET, and stays one.
sub turn {
  my ($dir, $name, $target) = @args;
  my ($round) = @_;
  until ($rest) {
    my @there = lstat $dir;
    next unless @there && $there[4] == $> && lstat "$dir/$name";
    idle(moment()) if rand() < .5;
    last if $rest;
    rename("$dir/$name", "$dir/away-$round") or next;
    symlink($target, "$dir/$name") and $struck++;
    last;
  }
}

# A B: as soon as A is there, B takes its place, and A that of B.
sub fake {
  my ($one, $other) = @args;
  until ($rest) {
    next unless lstat $one;
    idle(moment()) if rand() < .7;
    last if $rest;
    exchange($one, $other) and $struck++;
    last;
  }
}

# DIRS FILE: one edit of the file in each round, as editors and loggers make them.
sub writer {
  my ($dir, $file) = @args;
  my ($round) = @_;
  lurk($dir);
  return if $rest;
  my $token = "token-$round-end";
  my $kind = ('append', 'truncate', 'replace')[int rand 3];
  if ($kind eq 'replace') {
    open(my $draft, '>', "$file.draft") or return;
    syswrite($draft, "$token\n");
    rename("$file.draft", $file) or return;
    push @told, "$kind:$token:" . shows($draft, $file);
  } else {
    sysopen(my $handle, $file, O_WRONLY | ($kind eq 'append' ? O_APPEND : O_TRUNC)) or return;
    syswrite($handle, "$token\n") or return;
    push @told, "$kind:$token:" . shows($handle, $file);
  }
  $struck++;
}

# DIRS OLD NEW: lines to a log that is at one of two paths, through one descriptor that is held, or opened each time.
sub logger {
  my ($dir, @paths) = @args;
  my ($round) = @_;
  my $held = $round % 2;
  my ($handle, $path);
  my $open = sub {
    for my $one (@paths) { $path = $one; return 1 if sysopen($handle, $one, O_WRONLY | O_APPEND) }
    return 0;
  };
  my $until = 400;
  while (!$rest && $until-- > 0) {
    if (!defined $handle || !$held) { $open->() or next }
    my $token = "token-$round-$struck-end";
    syswrite($handle, "$token\n") or next;
    push @told, ($held ? 'held' : 'line') . ":$token:" . shows($handle, $path);
    $struck++;
    idle(rand(120));
  }
}

# DIRS LINK_TARGET NAME...: one of the names is taken at some moment, by a file, a directory or a link.
sub take {
  my ($dir, $target, @names) = @args;
  my ($round) = @_;
  lurk($dir);
  return if $rest;
  my $name = $names[int rand @names];
  my $token = "token-$round-end";
  my $kind = ('file', 'dir', 'link')[int rand 3];
  if ($kind eq 'file') {
    sysopen(my $handle, $name, O_WRONLY | O_CREAT | O_EXCL) or return;
    syswrite($handle, "$token\n");
  } elsif ($kind eq 'dir') {
    mkdir $name or return;
    open(my $handle, '>', "$name/$token") or return;
    syswrite($handle, "$token\n");
  } else {
    symlink("$target-$token", $name) or return;
  }
  $struck++;
  push @told, "$kind:$token:1";
}

# DRAFT FIRST LAST NAME...: in the microseconds after FIRST has come to be, or LAST has gone again, when the next names are
# changed or taken back, one of them is taken: what is there goes to DRAFT, and what was in DRAFT is there.
sub pounce {
  my ($draft, $first, $last, @names) = @args;
  my ($round) = @_;
  my $token = "token-$round-end";
  open(my $handle, '>', $draft) or return;
  syswrite($handle, "$token\n");
  close $handle;
  if (rand() < .5) { until (-e $first) { return if $rest } }
  else {
    until (-e $last) { return if $rest }
    while (-e $last) { return if $rest }
  }
  my $wait = rand(1200);
  for (1 .. $wait) { return if $rest }
  my $name = $names[int rand @names];
  # Where nothing is: without replacing what may come to be there.
  exchange($draft, $name) or syscall($renameat2, -100, $draft, -100, $name, 1) == 0 or return;
  $struck++;
  push @told, "pounce:$token:1";
}

# TRAP DIR...: what a transaction makes for itself in the directories is taken away, and something else put under its name.
sub wreck {
  my ($trap, @dirs) = @args;
  my ($round) = @_;
  my @moved;
  my $count = 0;
  until ($rest) {
    my $dir = $dirs[int rand @dirs];
    for my $name (works($dir)) {
      idle(rand(300)) if rand() < .2;
      my ($here, $away) = ("$dir/$name", "$dir/stolen-$round-" . $count++);
      my $how = int rand 4;
      if ($how == 0) { unlink($here) || rmdir($here); $struck++; next }
      rename($here, $away) or next;
      $struck++;
      push @moved, [$here, $away];
      if ($how == 1) { symlink($trap, $here) }
      elsif ($how == 2) { mkdir($here) && plant($here) }
      idle(moment());
      # Sometimes it is as if nothing had been.
      if ($how == 3 || rand() < .3) { discard($here); rename($away, $here) && pop @moved }
    }
  }
  # In every other round all is put back that can be; else it stays stolen.
  if ($round % 2) { for (reverse @moved) { discard($_->[0]); rename($_->[1], $_->[0]) } }
  else { discard($_->[0]) for @moved }
}

sub plant {
  my ($dir) = @_;
  for my $name (0 .. 9, 'new', 'tool', 'a', 'b', 'c', 'staged', 'before') {
    open(my $handle, '>', "$dir/$name") or next;
    syswrite($handle, "planted\n");
  }
}

# Only what is the attacker's own: a link, or a directory that was planted.
sub discard {
  my ($path) = @_;
  return unlink $path if -l $path;
  if (opendir(my $handle, $path)) {
    my @names = grep { !/^\.\.?$/ } readdir $handle;
    closedir $handle;
    unlink "$path/$_" for @names;
    rmdir $path;
  }
}
