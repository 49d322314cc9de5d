return await FileClient.Commands.Cli.MainAsync(args);
