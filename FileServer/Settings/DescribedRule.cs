using System.ComponentModel.DataAnnotations;

namespace FileServer.Settings;

/// <summary>A rule for the text of a setting that says itself what would be valid.</summary>
[AttributeUsage(AttributeTargets.Property)]
abstract class DescribedRule(string valid) : ValidationAttribute
{
    public string Valid => valid;
}
