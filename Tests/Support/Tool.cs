namespace Tests.Support;

/// <summary>A program that a test needs and a machine may lack: on a laptop the test is skipped, in the pipeline it fails.</summary>
static class Tool
{
    public static void Require(bool present, string what)
    {
        if (present)
            return;
        if (Environment.GetEnvironmentVariable("CI") == "true")
            Assert.Fail($"This test needs {what}.");
        Assert.Skip($"This test needs {what}.");
    }
}
