using System.Text.Json;
using System.Text.Json.Serialization;

namespace FileServer.Protocol.Contracts;

/// <summary>Enums travel as the words of the contract, in camel case; readers take any case.</summary>
public sealed class WordConverter<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.CamelCase, allowIntegerValues: false) where T : struct, Enum;
