namespace FileServer.Protocol.Contracts;

/// <summary>What a space's quota is used for, in logical bytes: equal bytes in two versions count twice, however they are stored.</summary>
/// <param name="UsedBytes">All versions of all files, trash included: what counts against the quota.</param>
/// <param name="CurrentBytes">Of these: the newest version of each file.</param>
/// <param name="VersionBytes">Of these: older versions of files that are not in the trash.</param>
/// <param name="TrashBytes">Of these: everything in the trash, with all versions.</param>
/// <param name="ReservedBytes">Promised to uploads that are under way; counts too until they end.</param>
public sealed record SpaceUsage(long? QuotaBytes, long UsedBytes, long CurrentBytes, long VersionBytes, long TrashBytes, long ReservedBytes, long Revision);
