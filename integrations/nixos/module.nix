# A NixOS module: a nightly `reflake check` as a hardened, read-only service with a timer. A difference makes the unit fail (exit code
# 2), so what already watches failed units (OnFailure=, node_exporter) tells of it. Installs and changes nothing else.
#
#   imports = [ ./reflake/integrations/nixos/module.nix ];
#   services.reflake = { enable = true; program = ./reflake.cjs; user = "me"; spec = "/home/me/nixos-config/reflake.yaml"; };
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.reflake;
  words = [
    "${cfg.node}/bin/node"
    "${cfg.program}"
    "check"
    "--spec"
    cfg.spec
    "--no-input"
  ]
  ++ lib.optionals (cfg.metrics != null) [
    "--format"
    "human"
    "--format"
    "prometheus=${cfg.metrics}"
  ]
  ++ cfg.arguments;
  # systemd.service(5), COMMAND LINES: quotes keep spaces, %% is a per cent sign, $$ a dollar sign.
  quote = word: "\"${builtins.replaceStrings [ "\\" "\"" "%" "$" ] [ "\\\\" "\\\"" "%%" "$$" ] word}\"";
in
{
  options.services.reflake = {
    enable = lib.mkEnableOption "the nightly drift check of reflake";
    program = mkOption {
      type = types.either types.path types.str;
      description = "reflake.cjs, as `npm run build` makes it.";
    };
    node = mkOption {
      type = types.anything;
      default = pkgs.nodejs;
      description = "The package of Node, 20.19 or newer.";
    };
    spec = mkOption {
      type = types.str;
      description = "The spec, where it lies on the machine.";
    };
    user = mkOption {
      type = types.str;
      description = "Who looks: the owner of the configuration. Root is not needed.";
    };
    startAt = mkOption {
      type = types.str;
      default = "daily";
      description = "When, as systemd.time(7) has it.";
    };
    arguments = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "More arguments of `reflake check`: --strict, --offline.";
    };
    metrics = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "A .prom file for the textfile collector of node_exporter. Its directory must be writable for the user.";
    };
  };

  config = lib.mkIf cfg.enable {
    systemd.services.reflake-check = {
      description = "reflake: the configuration against its spec";
      documentation = [ "man:reflake(1)" ];
      after = [ "nix-daemon.socket" ];
      path = [
        pkgs.git
        config.nix.package
      ];
      # What evaluation finds is kept here, since homes are read-only.
      environment.XDG_CACHE_HOME = "/var/cache/reflake-check";
      serviceConfig = {
        Type = "oneshot";
        ExecStart = lib.concatMapStringsSep " " quote words;
        User = cfg.user;
        Nice = 10;
        TimeoutStartSec = "30min";
        CacheDirectory = "reflake-check";
        CacheDirectoryMode = "0700";
        UMask = "0077";
        # It reads the machine, and writes its cache and the metrics.
        ProtectSystem = "strict";
        ProtectHome = "read-only";
        ReadWritePaths = lib.optional (cfg.metrics != null) (dirOf cfg.metrics);
        PrivateTmp = true;
        PrivateDevices = true;
        # The daemon of Nix is reached over a unix socket; flake references are looked up over the network.
        RestrictAddressFamilies = [
          "AF_UNIX"
          "AF_INET"
          "AF_INET6"
        ];
        NoNewPrivileges = true;
        CapabilityBoundingSet = "";
        AmbientCapabilities = "";
        LockPersonality = true;
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        RemoveIPC = true;
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [
          "@system-service"
          "~@privileged @resources"
        ];
        SystemCallErrorNumber = "EPERM";
        # Not MemoryDenyWriteExecute: Node compiles JavaScript into memory that it then executes.
      };
    };
    systemd.timers.reflake-check = {
      description = "reflake: the nightly check";
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnCalendar = cfg.startAt;
        # Not all machines of a fleet at once; and one that was off makes up for it.
        RandomizedDelaySec = "30min";
        Persistent = true;
      };
    };
  };
}
