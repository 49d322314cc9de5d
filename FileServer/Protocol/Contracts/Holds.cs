namespace FileServer.Protocol.Contracts;

/// <summary>Why a node and everything below it is kept: a legal hold, or a retention until a time.</summary>
/// <param name="Kind"><c>legal</c>: until somebody with the right to do so releases it. <c>retention</c>: until <paramref name="Until"/>, which can only be moved later.</param>
/// <param name="NodeId">Where it was placed; it reaches everything below.</param>
/// <param name="Inherited">It stands on a folder above the node that was asked about.</param>
public sealed record Hold(
    string Id,
    NodeId NodeId,
    string Kind,
    string Reason,
    DateTimeOffset? Until,
    DateTimeOffset CreatedAt,
    string CreatedBy,
    bool Inherited,
    DateTimeOffset? ReleasedAt = null,
    string? ReleasedBy = null,
    string? ReleaseReason = null);

/// <summary>Body of <c>POST …/nodes/{id}/holds</c>; without <c>until</c> it is a legal hold.</summary>
public sealed record HoldRequest(string Reason, DateTimeOffset? Until = null);

/// <summary>Body of <c>PATCH …/holds/{hold}</c>: a later end of a retention.</summary>
public sealed record HoldPatch(DateTimeOffset Until);

/// <summary>Body of <c>POST …/holds/{hold}/release</c>.</summary>
public sealed record HoldRelease(string Reason);

/// <summary>An account that may release legal holds.</summary>
public sealed record HoldReleaser(string User, DateTimeOffset GivenAt, string GivenBy);
