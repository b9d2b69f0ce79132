# The owner of a tree races a root process: it swaps, takes, writes and wrecks things in the tree, in a tight loop.
#   perl attacker.pl UID GO DONE PACE MODE ARGS...
# Root starts it, and it drops to UID at once. Each line on the FIFO GO begins a round; SIGUSR1 ends it, and what it had swapped
# is swapped back. Then it writes a line to DONE: how often it struck, and each write that it was told is done
# (kind:token:1 if the path led to the written file). Uses only modules of perl-base.
use strict;
use warnings;
use Fcntl qw(O_WRONLY O_CREAT O_EXCL O_APPEND O_TRUNC);
use POSIX ();

# PACE: the most microseconds that the victim takes.
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
  # A mode that strikes once may be done long before the signal.
  select(undef, undef, undef, .001) until $rest;
  $rest = 0;
  syswrite($report, join(' ', $struck, @told) . "\n");
}

# From one microsecond to the victim's time, with each order of magnitude equally likely, so phases of every length are hit.
sub moment { return exp(rand(log($pace))) }

sub idle {
  my ($microseconds) = @_;
  if ($microseconds > 400) { select(undef, undef, undef, $microseconds / 1e6) unless $rest; return }
  for (1 .. $microseconds * 12) { return if $rest }
}

# The names of staging directories of a transaction in progress.
sub works {
  my ($dir) = @_;
  opendir(my $handle, $dir) or return;
  my @found = grep { /^\.reflake-(?!conflict)/ } readdir $handle;
  closedir $handle;
  return @found;
}

# Waits for staging directories in one of the directories (joined by colons), or for a while.
sub await_work {
  my @dirs = split /:/, $_[0];
  for (1 .. $pace / 8) {
    return if $rest;
    last if grep { works($_) } @dirs;
  }
  idle(moment()) if rand() < .9;
}

# Waits for a random moment, or for staging directories.
sub lurk { my ($dirs) = @_; rand() < .4 ? idle(moment()) : await_work($dirs) }

sub exchange { return syscall($renameat2, -100, $_[0], -100, $_[1], 2) == 0 }

# DIRS A B [A B...]: exchanges A and B for a moment.
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

# DIR NAME TARGET: as soon as the attacker owns the directory, replaces NAME in it by a link to TARGET.
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

# A B: as soon as A exists, exchanges it with B.
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

# DIRS FILE: edits the file once in each round, as editors and loggers do.
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

# DIRS OLD NEW: writes lines to a log at one of two paths, through one descriptor, or opened for each line.
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

# DIRS LINK_TARGET NAME...: at some moment, makes a file, a directory or a link with one of the names.
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

# DRAFT FIRST LAST NAME...: waits until FIRST appears, or LAST appears and goes. In the microseconds after that, the victim
# changes the next names, or takes them back; one of them is then exchanged with DRAFT.
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
  # If nothing has the name: RENAME_NOREPLACE (1) does not replace what may appear there.
  exchange($draft, $name) or syscall($renameat2, -100, $draft, -100, $name, 1) == 0 or return;
  $struck++;
  push @told, "pounce:$token:1";
}

# TRAP DIR...: takes staging directories of a transaction away, and puts something else under their names.
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
      # Sometimes everything is put back.
      if ($how == 3 || rand() < .3) { discard($here); rename($away, $here) && pop @moved }
    }
  }
  # In every other round, everything is put back that can be; in the others it stays away.
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

# Removes only the attacker's own things: a link, or a directory that was planted.
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
