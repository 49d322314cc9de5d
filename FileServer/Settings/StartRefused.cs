namespace FileServer.Settings;

/// <summary>The server cannot start as it is set up. The message names what is wrong and what would be right; it is printed without a stack.</summary>
sealed class StartRefused(string message, Exception? cause = null) : Exception(message, cause);
